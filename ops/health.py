"""What of a stack is not as it should be: too much memory, CPU or disk, no answer, damaged data."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from host.errors import HostError

if TYPE_CHECKING:
    from components.health_settings import HealthSettings
    from components.spec import ServiceSpec
    from ops.integrity import Inside
    from ops.measuring import Figures
    from ops.status import Report

Kind = Literal["memory", "cpu", "disk", "answer", "data", "runtime"]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong. ``subject`` is a service, a directory of a disk, or ``host``."""

    kind: Kind
    subject: str
    text: str

    @property
    def key(self) -> str:
        """By which it is known again at the next look."""
        return f"{self.kind} {self.subject}"


@dataclass(frozen=True)
class Data:
    """What is known of the data of one service since ``time``."""

    time: float
    problems: tuple[str, ...] = ()
    databases: tuple[str, ...] = ()
    unchecked: str = ""
    """Why its SQLite files could not be looked at."""


@dataclass(frozen=True)
class Look:
    """All of it, once. ``unknown`` are kinds that could not be judged this time."""

    figures: Figures
    findings: tuple[Finding, ...]
    unknown: tuple[Kind, ...] = ()
    data: Mapping[str, Data] = field(default_factory=dict)


def of_host(figures: Figures, limits: HealthSettings) -> Iterator[Finding]:
    """The host's own."""
    if figures.memory > limits.memory:
        yield Finding("memory", "host", f"{figures.memory:.0f} % of the host's memory is taken")
    if figures.cpu > limits.cpu:
        yield Finding("cpu", "host", f"{figures.cpu:.0f} % of the host's processors is taken")
    for directory, taken in figures.disks.items():
        if taken > limits.disk:
            yield Finding("disk", directory, f"the disk of {directory} is {taken:.0f} % full")


def of_services(report: Report, limits: HealthSettings) -> Iterator[Finding]:
    """Those of the services: whether they answer, and what they take of their own limit."""
    for one in report.services:
        if not one.answers:
            yield Finding("answer", one.service, f"{one.service}: {one.state}")
        taken = 100 * one.memory / one.limit if one.memory is not None and one.limit else 0
        if taken > limits.memory:
            yield Finding("memory", one.service, f"{one.service}: takes {taken:.0f} % of its memory limit")


def of_data(data: Mapping[str, Data]) -> Iterator[Finding]:
    """Damaged data."""
    for service, known in data.items():
        if known.problems:
            yield Finding("data", service, f"{service}: {'; '.join(known.problems)}")


def looked_into(
    specs: Mapping[str, ServiceSpec],
    known: Mapping[str, Data],
    inside: Inside,
    every: int,
    tight: Collection[str] = (),
    now: Callable[[], float] = time.time,
) -> dict[str, Data]:
    """The data of services that answer: what was known of each, or seen now where that is older than
    ``every`` seconds, or was not good. In those of ``tight`` nothing more may run than does.
    """
    found = {}
    for name, spec in specs.items():
        before = known.get(name)
        recent = before is not None and 0 <= now() - before.time < every
        if before is not None and recent and not before.problems:
            found[name] = before
        elif spec.integrity or spec.volumes:
            alone = name in tight and not spec.integrity
            found[name] = _untouched(before, now()) if alone else _one(spec, before, inside, now())
    return found


def _untouched(before: Data | None, now: float) -> Data:
    known = before or Data(now)
    return replace(known, time=now, unchecked="it has too little of its memory left to look with")


def _one(spec: ServiceSpec, before: Data | None, inside: Inside, now: float) -> Data:
    databases = before.databases if before else ()
    try:
        if spec.integrity:
            why = inside.own(spec)
            return Data(now, (" ".join(why.split()),) if why else ())
        seen: dict[str, Any] | None = inside.files(spec, databases)
    except HostError as error:
        return Data(now, before.problems if before else (), databases, unchecked=str(error))
    if seen is None:
        return Data(now, unchecked="its image has no Python to look at SQLite files with")
    problems = tuple(f"{path} is damaged: {why}" for path, why in seen["damaged"].items())
    return Data(now, problems, tuple(seen["found"]))
