"""The catalogue: every module here that has a ``spec`` function is a kind of service.

A module ``redis.py`` holds ``Settings`` (the keys of ``hearth:services``), ``spec(settings,
context)`` and, where the service asks something of its neighbours, ``requests(settings)``. Where it
has clients, ``client(settings, name, endpoint, database)`` says how they reach it under its ``name``. Where
it is there to find things, ``found(ask)`` asks it, by HTTP on its first port, for some of what it holds: a
line for each; it raises ``ValueError`` for one that is not found.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from components.context import Context, Endpoint
from components.neighbours import Client, Requests
from components.questions import Ask
from components.settings import ServiceSettings
from components.spec import ServiceSpec


@dataclass(frozen=True)
class Entry:
    """One kind of service."""

    name: str
    description: str
    settings: type[ServiceSettings]
    spec: Callable[[Any, Context], ServiceSpec]
    requests: Callable[[Any], Requests]
    client: Callable[[Any, str, Endpoint, str | None], Client] | None
    found: Callable[[Ask], Iterator[str]] | None

    @property
    def class_name(self) -> str:
        """``Redis`` for ``redis``, ``LlamaCpp`` for ``llama_cpp``."""
        return "".join(part.capitalize() for part in self.name.split("-"))


@cache
def entries() -> dict[str, Entry]:
    """Every kind of service by the name used in stack files, in alphabetical order."""
    found = {}
    for info in sorted(pkgutil.iter_modules(__path__), key=lambda info: info.name):
        module = importlib.import_module(f"{__name__}.{info.name}")
        name = info.name.replace("_", "-")
        found[name] = Entry(
            name=name,
            description=(module.__doc__ or "").partition("\n")[0].rstrip("."),
            settings=module.Settings,
            spec=module.spec,
            requests=getattr(module, "requests", lambda settings: Requests()),
            client=getattr(module, "client", None),
            found=getattr(module, "found", None),
        )
    return found


def entry_of(settings: ServiceSettings) -> Entry:
    """The kind of service that ``settings`` belong to. Raises ``KeyError``."""
    return {entry.settings: entry for entry in entries().values()}[type(settings)]
