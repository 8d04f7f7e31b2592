"""A preview of every stack file of the project beside an empty program's, taking turns."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from benchmarks import stacks
from benchmarks.measure import Sample, say
from tests.e2e.workbench import PROJECT


@dataclass
class System:
    """One stack file."""

    name: str
    resources: int = 0
    seconds: Sample = field(default_factory=Sample)


def run(directory: Path, runs: int) -> tuple[list[System], Sample]:
    """A system for each stack file, smallest first, and the empty program's seconds."""
    projects = {}
    for path in sorted(PROJECT.glob("Pulumi.*.yaml")):
        name = path.name.split(".")[1]
        written = yaml.safe_load(path.read_text())["config"]
        config = {key.removeprefix("hearth:"): value for key, value in written.items()}
        config["data"] = str(directory / f"data-{name}")
        # Declared, so that one that is made for a larger machine is previewed here, too.
        config["host"] = {**config["host"], "memory": "64GiB", "cpus": 16}
        projects[name] = stacks.hearth(directory / f"system-{name}", config)
    nothing, empty = stacks.empty(directory / "system-0", next(iter(projects.values()))), Sample()
    found = {name: System(name) for name in projects}
    for project in (nothing, *projects.values()):
        project.preview()
    for number in range(runs):
        empty.add(nothing.pulumi("preview", "--json")[0])
        for name, project in projects.items():
            seconds, text = project.pulumi("preview", "--json")
            found[name].seconds.add(seconds)
            found[name].resources = len(json.loads(text[text.index("{") :])["steps"])
            say(f"systems: run {number + 1} of {runs}: {name}: {seconds:.1f} s")
    return sorted(found.values(), key=lambda system: system.resources), empty
