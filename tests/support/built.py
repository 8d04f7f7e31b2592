"""Programs that the tests need and that are built from a Go module: minutes once, then from the cache."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from host import files
from host.packages import gobuild


@cache
def built(name: str) -> Path:
    """The program of ``toolchain/NAME``, where the host's own package source keeps it."""
    module = gobuild.module(name)
    place = gobuild.cache() / module.name
    place.mkdir(parents=True, exist_ok=True)
    with files.locked(place / ".lock"):
        target = place / module.version
        if not target.is_dir():
            gobuild.build(module, target)
    return target / name
