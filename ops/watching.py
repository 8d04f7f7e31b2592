"""One look at a stack for everybody who is told of it: the front page, the log, and those who want alerts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from components.watching import NAME, interval
from host import files, rotation
from host.errors import HostError
from ops import alerts, health, health_log, looks, measuring, page, stacks, status
from ops.alerts import Channel
from ops.errors import Failure
from ops.health import Finding
from ops.health_log import Record

if TYPE_CHECKING:
    from components.config import StackConfig
    from components.health_settings import HealthSettings
    from components.plan import DeploymentPlan

Progress = Callable[[str], None]
_ROOM_INSIDE = 32 * 1024**2
"""Bytes of a container's limit that a look at its SQLite files must find free."""


def examine(
    stack: str,
    config: StackConfig,
    plan: DeploymentPlan,
    report: status.Report | None,
    record: Record,
    why: str,
) -> health.Look:
    """Judge a report; without one, for ``why``, what is left to judge."""
    from components.health_settings import HealthSettings

    limits, root = config.health or HealthSettings(), stacks.root(stack, config)
    figures = measuring.measure(_directories(stack, config, plan, root))
    findings = list(health.of_host(figures, limits))
    if report is None:
        findings.append(Finding("runtime", plan.runtime, why))
        return health.Look(figures, tuple(findings), ("answer", "memory", "data"), record.data)
    findings += health.of_services(report, limits)
    answering = {one.service for one in report.services if one.answers}
    specs = {spec.name: spec for spec in plan.services if spec.name in answering}
    # What looks into a container runs within its limit, and the kernel ends whoever is largest there.
    tight = {
        one.service
        for one in report.services
        if config.containers and one.limit - (one.memory or 0) < _ROOM_INSIDE
    }
    with looks.inside(stack, config, root) as inside:
        data = health.looked_into(specs, record.data, inside, limits.integrity, tight)
    # What does not answer now is no better than it was.
    data |= {name: one for name, one in record.data.items() if name not in answering}
    return health.Look(figures, (*findings, *health.of_data(data)), (), data)


def _directories(stack: str, config: StackConfig, plan: DeploymentPlan, root: Path) -> Iterator[Path]:
    yield root
    if config.backup:
        from components.backup import repository

        yield Path(repository(config.backup, str(root), stack))
    if not config.containers:
        yield from (root / spec.name / "data" for spec in plan.services if spec.volumes)


def by_hand(stack: str) -> health.Look:
    """Look, tell nobody and keep nothing. Raises ``Failure`` for a file that is no stack's."""
    config, plan, report, why = _report(stack)
    return examine(stack, config, plan, report, health_log.read(stacks.root(stack, config) / NAME), why)


def _report(stack: str) -> tuple[StackConfig, DeploymentPlan, status.Report | None, str]:
    config = stacks.configured(stack)
    plan, problems = stacks.drafted(config, stack)
    try:
        return config, plan, status.look(stack, config, plan, problems), ""
    except HostError as error:
        return config, plan, None, str(error)


def look(stack: str, progress: Progress) -> None:
    """Look, tell whoever is to be told, keep what was seen, and write the front page.

    Raises ``Failure`` when somebody could not be told; that is tried again at the next look.
    """
    root = stacks.root(stack, stacks.configured(stack))
    home = root / NAME
    files.directory(home, mode=0o755)
    # One that takes long and one that somebody started by hand must not write over each other.
    with files.locked(home / ".lock"):
        config, plan, report, why = _report(stack)
        try:
            if config.health:
                record = health_log.read(home)
                found = examine(stack, config, plan, report, record, why)
                _tell(stack, home, record, found, _channels(stack, config.health, plan, home, progress))
        finally:
            if report and any(spec.shows_page for spec in plan.services):
                page.write(status.with_health(report, root), root, interval(config.health))
    if report is None:
        raise Failure(why)


def _channels(
    stack: str, settings: HealthSettings, plan: DeploymentPlan, home: Path, progress: Progress
) -> list[Channel]:
    def written(one: health_log.Known) -> None:
        event = alerts.document(stack, one)
        health_log.log(home, time=time.time(), **event)
        progress(f"{event['event']}: {one.text}")

    return [Channel("log", written), *alerts.channels(stack, settings, plan.alerts_to)]


def _tell(stack: str, home: Path, record: Record, found: health.Look, channels: Sequence[Channel]) -> None:
    now = time.time()
    known = health_log.seen(record.known, found.findings, found.unknown, now)
    record = Record(known, found.data)
    rotation.rotate(home)
    over = [one.key for one in found.findings]
    health_log.log(home, "look", time=now, stack=stack, **asdict(found.figures), over=over)
    health_log.write(home, record)
    failed = []
    for key, one in known.items():
        for channel in channels if one.certain else ():
            told = record.known[key].told
            if (channel.name in told) is one.over and not (channel.repeats and one.over):
                continue
            try:
                channel.tell(one)
            except Failure as error:
                failed.append(str(error))
                continue
            rest = tuple(name for name in told if name != channel.name)
            told = (*rest, channel.name) if one.over else rest
            record = Record({**record.known, key: replace(one, told=told)}, record.data)
            health_log.write(home, record)
    kept = {key: one for key, one in record.known.items() if one.over or one.told}
    if kept != record.known:
        health_log.write(home, Record(kept, record.data))
    for line in failed:
        health_log.log(home, "untold", time=now, stack=stack, why=line)
    if failed:
        raise Failure("; ".join(dict.fromkeys(failed)))
