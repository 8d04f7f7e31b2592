"""What is looked at again and again: the job that writes the front page and watches a stack's health."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pulumi

from components.commands import call, command
from components.health_settings import HealthSettings
from components.runtimes.base import Runtime

if TYPE_CHECKING:
    from components.plan import DeploymentPlan

NAME = "watch"
"""The job, and its directory below the stack's root."""


def interval(settings: HealthSettings | None) -> int:
    """Seconds between two looks."""
    return (settings or HealthSettings()).interval


def prepare(
    settings: HealthSettings | None,
    plan: DeploymentPlan,
    runtime: Runtime,
    parent: pulumi.Resource,
    after: Sequence[pulumi.Resource],
) -> None:
    """Have the job run where something wants it. It ends before the services do, and so misses none."""
    if settings is None and not any(spec.shows_page for spec in plan.services):
        return
    words = (runtime.stack.root, runtime.name, runtime.stack.name)
    kind = ("--scope", runtime.scope, "--job", NAME)
    command(
        NAME,
        parent=parent,
        create=call("schedule", "start", *words, f"{interval(settings)}s", *kind),
        delete=call("schedule", "stop", *words, *kind),
        after=after,
    )


def shared_directories(
    plan: DeploymentPlan, runtime: Runtime, parent: pulumi.Resource
) -> list[pulumi.Resource]:
    """Directories of the stack's that containers see. Docker would make them as root, and nobody else could
    write to them.
    """
    below = f"{runtime.stack.root}/"
    paths = {
        mount.source
        for spec in plan.services
        for mount in spec.security.host_mounts
        if mount.source.startswith(below)
    }
    if not paths:
        return []
    return [command("shared-directories", parent=parent, create=call("directories", *sorted(paths)))]
