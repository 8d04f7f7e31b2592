"""Preview, up, no-op up and destroy: Hearth, an empty Pulumi program, and compose, in turns."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from benchmarks import stacks
from benchmarks.compose import Compose
from benchmarks.measure import Sample, say
from host.packages.request import Unavailable

STEPS = ("preview", "up", "no-op up", "destroy")
Table = dict[str, dict[str, Sample]]


class Subject(Protocol):
    """What goes through the steps; each answers the seconds it took."""

    def preview(self) -> float: ...

    def up(self) -> float: ...

    def destroy(self) -> float: ...

    def purge(self) -> None: ...


def _steps(subject: Subject) -> dict[str, Callable[[], float]]:
    return dict(zip(STEPS, (subject.preview, subject.up, subject.up, subject.destroy), strict=True))


def run(directory: Path, runs: int) -> tuple[Table, str]:
    """Seconds by subject and step; and why compose is missing, where it is."""
    config = stacks.dev_config(directory)
    hearth = stacks.hearth(directory / "dev", config)
    subjects: dict[str, Subject] = {"Hearth": hearth}
    subjects["empty program"] = stacks.empty(directory / "empty", hearth)
    missing = ""
    try:
        subjects["compose"] = Compose(directory / "compose", config)
    except Unavailable as error:
        missing = str(error)
    for subject in subjects.values():
        subject.preview()  # Compiles Python files, fills the cache of the disk.
    table: Table = {name: {step: Sample() for step in STEPS} for name in subjects}
    for number in range(runs):
        for name, subject in subjects.items():
            for step, measured in _steps(subject).items():
                table[name][step].add(measured())
            took = ", ".join(f"{step} {table[name][step].values[-1]:.1f}" for step in STEPS)
            say(f"up: run {number + 1} of {runs}: {name}: {took}")
            subject.purge()
    return table, missing
