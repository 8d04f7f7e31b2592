"""Directories under ``ROOT/packages`` that are there whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from host import files
from host.packages.request import Request, Unavailable


@contextlib.contextmanager
def building(target: Path) -> Iterator[Path]:
    """An empty directory beside ``target`` that becomes it when the block ends well.

    The caller holds a lock.
    """
    staged = target.with_name(f".{target.name}.new")
    shutil.rmtree(staged, ignore_errors=True)  # left by a kill
    staged.mkdir(mode=0o755, parents=True)
    try:
        yield staged
        shutil.rmtree(target, ignore_errors=True)
        staged.rename(target)
        files.sync_directory(target.parent)
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def target(request: Request, version: str) -> Path:
    """Where a version of the package lies; links to an older one stay good until they are replaced."""
    return request.packages / f"{request.name}-{version}"


def copied(request: Request, built: Path, build: Callable[[], None]) -> dict[str, Path]:
    """Programs that ``build`` leaves in ``built`` of the cache, copied to where every account can read them.

    Raises ``Unavailable`` when one is missing.
    """
    place = target(request, built.name)
    if not place.is_dir():
        built.parent.mkdir(parents=True, exist_ok=True)
        with files.locked(built.parent / ".lock"):
            if not built.is_dir():
                build()
        with building(place) as directory:
            for program in built.iterdir():
                shutil.copy(program, directory / program.name)
    return programs(request, place)


def programs(request: Request, directory: Path) -> dict[str, Path]:
    """Every program below ``directory``, the shallowest of each name.

    Raises ``Unavailable`` when one is missing.
    """
    found = {}
    for program in request.programs:
        matches = [path for path in directory.rglob(program) if path.is_file() and os.access(path, os.X_OK)]
        if not matches:
            raise Unavailable(f"has no program {program}")
        found[program] = min(matches, key=lambda path: len(path.parts))
    return found


def place(request: Request, programs: Mapping[str, Path]) -> Path:
    """The directory under ``packages`` that the programs really are in."""
    packages = request.packages.resolve()
    for program in programs.values():
        path = program.resolve()
        if path.is_relative_to(packages):
            return packages / path.relative_to(packages).parts[0]
    raise Unavailable(f"{request.packages}: has no {', '.join(programs)}")


def version(request: Request, programs: Mapping[str, Path]) -> str:
    """The version in that directory's name."""
    return place(request, programs).name.removeprefix(f"{request.name}-")
