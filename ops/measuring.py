"""Figures of this host: how much of its memory, processors and disks is taken."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_SAMPLE_SECONDS = 1


@dataclass(frozen=True)
class Figures:
    """Percent. ``disks`` by a directory on each."""

    memory: float
    cpu: float
    disks: dict[str, float]


def measure(directories: Iterable[Path]) -> Figures:
    """Look at the host, for a second. Of several directories on one disk the first stands for it."""
    import psutil

    disks: dict[int, tuple[str, float]] = {}
    for path in directories:
        there = next(place for place in (path, *path.parents) if place.exists())
        disks.setdefault(there.stat().st_dev, (str(there), psutil.disk_usage(str(there)).percent))
    return Figures(
        memory=psutil.virtual_memory().percent,
        cpu=psutil.cpu_percent(interval=_SAMPLE_SECONDS),
        disks=dict(disks.values()),
    )
