"""The record of deployments: what each was made from, so that there is a way back to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi

from components.commands import call, command, document
from components.lock import Lock

if TYPE_CHECKING:
    from components.plan import DeploymentPlan

DIRECTORY = "deployments"
"""Below the stack's root: one file a deployment, ``<number>.json``."""


@dataclass(frozen=True)
class Declared:
    """What a deployment is made from: the text of the stack's file, its secrets encrypted, and its lock."""

    file: str
    lock: Lock | None = None


def record(
    declared: Declared,
    plan: DeploymentPlan,
    root: str,
    parent: pulumi.Resource,
    after: Sequence[pulumi.Resource],
) -> None:
    """Have it on record once all services answer.

    Pulumi's own history has the values of a stack's file, and neither its text nor the lock.
    """
    values: dict[str, Any] = {"root": root, "stack": plan.stack, "file": declared.file}
    values["formats"] = {spec.name: spec.format.version for spec in plan.services if spec.format}
    if declared.lock:
        values["lock"] = declared.lock.essence()
    command(DIRECTORY, parent=parent, create=call("deployment"), stdin=document(values), after=after)
