"""Finding programs that the machine has already."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from components.programs import HOMES
from host.packages.request import Request, Unavailable

USUAL = (
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
    "/opt/homebrew/bin",
    "/opt/homebrew/sbin",
)
VERSIONED = (("/usr/lib/postgresql", "*/bin"), ("/opt/homebrew/opt", "*/bin"), ("/usr/local/opt", "*/bin"))


def find(request: Request) -> dict[str, Path]:
    """Every program, from one directory where one has all, else from several.

    Raises ``Unavailable`` when one is missing, or is out of reach for service accounts.
    """
    for found in candidates(request):
        return found
    raise Unavailable(f"{', '.join(missing(request))} not found on this machine")


def candidates(request: Request) -> list[dict[str, Path]]:
    """Ways to have all programs, best first: newest directory that has all, then a mixture."""
    found = [_programs(request, place) for place in directories()]
    whole = [programs for programs in found if len(programs) == len(request.programs)]
    mixed = {program: path for programs in reversed(found) for program, path in programs.items()}
    return whole + ([mixed] if len(mixed) == len(request.programs) and not whole else [])


def helpers(request: Request) -> dict[str, Path]:
    """Where each helper is. Raises ``Unavailable`` when one is on this machine nowhere."""
    places = [*reversed(directories())]
    found = {name: place / name for place in places for name in request.helpers if fit(place / name)}
    lacking = [name for name in request.helpers if name not in found]
    if lacking:
        raise Unavailable(f"{', '.join(lacking)} not found on this machine; install it")
    return found


def missing(request: Request) -> list[str]:
    """Those that no directory has."""
    found = {program for place in directories() for program in _programs(request, place)}
    return [program for program in request.programs if program not in found]


def _programs(request: Request, place: Path) -> dict[str, Path]:
    """What ``place`` has of the programs, under their own names or the distribution's."""
    return {
        program: place / name
        for program in request.programs
        for name in (request.aliases.get(program, program), program)
        if fit(place / name)
    }


def directories() -> list[Path]:
    """PATH, the usual directories, then versioned ones, newest version first; those of a home come last.

    But for Hearth's own environment: services do not depend on a checkout, or on what it was made with.
    """
    own = os.path.realpath(sys.prefix) if sys.prefix != sys.base_prefix else None
    path = [
        Path(entry)
        for entry in os.environ.get("PATH", "").split(os.pathsep)
        if entry.startswith("/") and os.path.realpath(Path(entry).parent) != own
    ]
    versioned = [
        place
        for base, pattern in VERSIONED
        for place in sorted(Path(base).glob(pattern), key=_version, reverse=True)
    ]
    return sorted(dict.fromkeys([*path, *map(Path, USUAL), *versioned]), key=in_a_home)


def in_a_home(path: Path) -> bool:
    """Whether it lies where services cannot be sure to see it, once root runs them."""
    return os.geteuid() == 0 and str(path.resolve()).startswith(HOMES)


def executable(name: str) -> str | None:
    """The path of a tool on PATH or in the usual directories."""
    return shutil.which(name) or shutil.which(name, path=os.pathsep.join(USUAL))


def _version(place: Path) -> tuple[int, str]:
    # "17" of Debian, "postgresql@17" of Homebrew.
    number = place.parent.name.rpartition("@")[2]
    return (int(number) if number.isdigit() else 0, place.parent.name)


def fit(path: Path) -> bool:
    """Executable, and where root asks, for everybody: services run as accounts of their own."""
    try:
        target = path.resolve(strict=True)
        if not target.is_file() or not os.access(target, os.X_OK):
            return False
        return os.geteuid() != 0 or all(place.stat().st_mode & 0o001 for place in (target, *target.parents))
    except OSError:
        return False
