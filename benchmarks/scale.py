"""A preview of N services: seconds, and milliseconds a resource."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import stacks
from benchmarks.measure import Sample, say
from tests.e2e.image import image

SIZES = (5, 50, 200, 500)
_FIRST_PORT = 20000


@dataclass
class Point:
    """One size of stack."""

    services: int
    resources: int = 0
    seconds: Sample = field(default_factory=Sample)


def _config(directory: Path, services: int) -> dict[str, Any]:
    named = {
        f"redis-{number}": {"type": "redis", "port": _FIRST_PORT + number, "memory": "64MiB"}
        for number in range(services)
    }
    return {
        "runtime": "docker",
        "host": {"memory": "64GiB", "reserve": "1GiB"},
        "services": named,
        "images": dict.fromkeys(named, image()),
        "data": str(directory / f"data-{services}"),
    }


def run(directory: Path, runs: int) -> tuple[list[Point], Sample]:
    """A point for each size, and the empty program's seconds; sizes take turns."""
    projects = {size: stacks.hearth(directory / f"scale-{size}", _config(directory, size)) for size in SIZES}
    nothing, empty = stacks.empty(directory / "scale-0", projects[SIZES[0]]), Sample()
    points = {size: Point(size) for size in SIZES}
    for project in (nothing, projects[SIZES[0]]):
        project.preview()
    for number in range(runs):
        empty.add(nothing.pulumi("preview", "--json")[0])
        for size, project in projects.items():
            seconds, text = project.pulumi("preview", "--json")
            points[size].seconds.add(seconds)
            points[size].resources = len(json.loads(text[text.index("{") :])["steps"])
            say(f"scale: run {number + 1} of {runs}: {size} services: {seconds:.1f} s")
    return list(points.values()), empty
