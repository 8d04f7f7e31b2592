"""``package``: links to every program of a service, from the first source that has them all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path

from host import files, stdin
from host.errors import HostError
from host.packages import links, search
from host.packages.request import Request, Unavailable, parse

SOURCES = ("apt", "brew", "installer", "go", "cmake", "pypi", "venv", "npm")
"""In the order in which they are tried; each is a field of the request and a module here."""


def main(arguments: list[str]) -> str:
    """No arguments; the document on stdin. See ``host.packages.request``."""
    if arguments:
        raise HostError("usage: package < document")
    return package(parse(stdin.document("root", "name", "programs")))


def package(request: Request) -> str:
    """Make the links.

    Returns ``PROGRAM VERSION from SOURCE``. Raises ``HostError`` with every source's reason.
    """
    links.prepare(request)
    with files.locked(request.packages / f".{request.name}.lock"):
        result = links.standing(request)
        if result:
            return result
        reasons: list[str] = []
        for programs, source in links.earlier(request) if request.locked else ():
            result = _try(request, source, lambda programs=programs: programs, reasons)
            if result:
                return result
        for found in search.candidates(request):
            source = str(next(iter(found.values())).parent)
            result = _try(request, source, lambda found=found: found, reasons)
            if result:
                return result
        if not reasons:
            reasons.append(f"not on this machine: {', '.join(search.missing(request))}")
        for name in SOURCES:
            if getattr(request, name) and (request.locked is None or request.locked["source"] == name):
                provide = import_module(f"host.packages.{name}").provide
                result = _try(request, name, lambda provide=provide: provide(request), reasons)
                if result:
                    return result
    raise HostError(
        "\n".join(
            [
                f"{request.name}: no source has {', '.join(request.programs)} in a fit version:",
                *(f"- {reason}" for reason in reasons),
                *(["`./hearth upgrade` moves what is locked"] if request.locked else []),
            ]
        )
    )


def fetch(request: Request) -> None:
    """Have what is locked on this machine, so that linking it takes no time. The links stay as they are.

    Raises ``HostError`` when its source does not have it.
    """
    links.prepare(request)
    source = request.locked["source"] if request.locked else ""
    if source in SOURCES:
        try:
            import_module(f"host.packages.{source}").provide(request)
        except Unavailable as error:
            raise HostError(f"{request.name}: {source}: {error}") from error


def _try(
    request: Request, source: str, provide: Callable[[], Mapping[str, Path]], reasons: list[str]
) -> str | None:
    try:
        return links.accept(request, {**provide(), **search.helpers(request)}, source)
    except Unavailable as error:
        reasons.append(f"{source}: {error}")
        stdin.progress(f"{request.name}: {source}: {error}")
        return None
