"""How a stack is: its services, what is refused or degraded, and why. The table and the page read this."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.watching import NAME
from host import answers
from ops import front_door, health_log, looks, stacks
from ops.backup import record, runs
from ops.errors import Failure
from ops.looks import ABSENT, ANSWERS, Look, Seen

if TYPE_CHECKING:
    from components.config import StackConfig
    from components.errors import Problem
    from components.external import External
    from components.plan import DeploymentPlan

# As the alerts BackupTooOld and DrillTooOld have it.
BACKUP_SECONDS = 26 * 3600
DRILL_SECONDS = 8 * 86400


@dataclass(frozen=True)
class Condition:
    """One service. ``memory`` and ``limit`` in bytes; ``restarts`` where its manager counts them; ``backup``
    and ``drill`` are times since 1970.
    """

    service: str
    state: str
    memory: int | None
    limit: int
    restarts: int | None
    version: str
    address: str
    path: str | None
    """Where the front door leads to it."""
    url: str | None
    """That path with the front door's address."""
    backup: float | None
    drill: float | None

    @property
    def answers(self) -> bool:
        """Whether it is well."""
        return self.state == ANSWERS


@dataclass(frozen=True)
class Report:
    """A whole stack at ``time`` (since 1970)."""

    stack: str
    runtime: str
    time: float
    services: tuple[Condition, ...]
    refused: tuple[str, ...]
    """What of the stack file cannot be deployed here as it is now."""
    degraded: tuple[str, ...]
    """What should be otherwise, and is not."""
    notes: tuple[str, ...]
    """What the plan says that is not enforced, or not done."""

    @property
    def well(self) -> bool:
        """Whether every service answers and nothing is refused."""
        return not self.refused and all(one.answers for one in self.services)


def report(stack: str) -> Report:
    """Look at a stack once. Raises ``Failure`` for a file that cannot be read as a stack at all."""
    config = stacks.configured(stack)
    plan, problems = stacks.drafted(config, stack)
    return with_health(look(stack, config, plan, problems), stacks.root(stack, config))


def with_health(report: Report, root: Path) -> Report:
    """With what the last look of the stack's own schedule has found to be wrong."""
    return replace(report, degraded=(*report.degraded, *health_log.read(root / NAME).wrong))


def look(stack: str, config: StackConfig, plan: DeploymentPlan, problems: list[Problem]) -> Report:
    """Look at the services of a plan, or of as much of one as there is."""
    from components.plan_table import notes

    root, door = stacks.root(stack, config), _door(config, plan)
    kept = record.read(root)
    with looks.opened(stack, config, root) as see:
        own = tuple(_conditions(plan, see, kept, door, config.containers))
    services = (*own, *(_external(other) for other in plan.external))
    return Report(
        stack=stack,
        runtime=plan.runtime,
        time=time.time(),
        services=services,
        refused=tuple(str(problem) for problem in problems),
        degraded=(
            *_degraded(services, plan, backed_up=config.backup is not None),
            *(
                f"the last {kind} failed: {run['reason'].splitlines()[0]}"
                for kind, run in runs.read(root).items()
                if run["reason"]
            ),
        ),
        notes=tuple(notes(plan)),
    )


def _door(config: StackConfig, plan: DeploymentPlan) -> str | None:
    """The front door's address on this host."""
    from components.plan_table import urls

    try:
        return front_door.url(config, urls(plan))
    except Failure:
        return None


def _conditions(
    plan: DeploymentPlan, see: Look, kept: dict[str, Any], door: str | None, containers: bool
) -> Iterator[Condition]:
    paths = dict(reversed(plan.routes))
    for spec in plan.services:
        seen: Seen = see(spec)
        addresses = [port.authority for port in spec.ports if port.publish or not containers]
        times, path = kept.get(spec.name, {}), paths.get(spec.declared) if door else None
        yield Condition(
            service=spec.name,
            state=seen.state,
            memory=seen.memory,
            limit=spec.resources.memory,
            restarts=seen.restarts,
            version=seen.version,
            address=" ".join(addresses),
            path=path,
            url=f"{door}{path}" if path else None,
            backup=times.get("backup", {}).get("time"),
            drill=times.get("drill", {}).get("time"),
        )


def _external(other: External) -> Condition:
    why = answers.complaint(other.question)
    return Condition(
        service=other.name,
        state=why or ANSWERS,
        memory=None,
        limit=0,
        restarts=None,
        version="run by somebody else",
        address=str(other.endpoint),
        path=None,
        url=None,
        backup=None,
        drill=None,
    )


def _degraded(services: tuple[Condition, ...], plan: DeploymentPlan, *, backed_up: bool) -> Iterator[str]:
    now = time.time()
    covered = {spec.name for spec in plan.services if spec.backup} if backed_up else set()
    for one in services:
        if not one.answers:
            yield f"{one.service}: {one.state}"
        if one.service not in covered or one.state == ABSENT:
            continue
        if one.backup is None:
            yield f"{one.service}: has no backup yet"
        elif now - one.backup > BACKUP_SECONDS:
            yield f"{one.service}: the last backup was {ago(one.backup)}"
        if one.drill is not None and now - one.drill > DRILL_SECONDS:
            yield f"{one.service}: the last drill was {ago(one.drill)}"


_UNITS = ((86400, "d"), (3600, "h"), (60, "min"))


def ago(when: float | None) -> str:
    """How long ago a time since 1970 was, in its largest unit."""
    if when is None:
        return "never"
    seconds = time.time() - when
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds // size:.0f} {unit} ago"
    return "just now"
