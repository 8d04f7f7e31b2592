"""Programs that the tests need and that are built from a Go module: minutes once, then from the cache."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from host.packages import gobuild


@cache
def built(name: str) -> Path:
    """The program of ``toolchain/NAME``, where the host's own package source keeps it."""
    return gobuild.kept(gobuild.module(name)) / name
