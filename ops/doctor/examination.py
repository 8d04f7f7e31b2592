"""Applying the rules."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from ops.doctor import rules

if TYPE_CHECKING:
    from components.config import StackConfig
    from components.errors import Problem
    from components.lock import Lock
    from components.plan import DeploymentPlan


@dataclass(frozen=True)
class Finding:
    """One check. ``problem`` is empty where all is well; ``mend`` is the command that helps. What ``refuses``
    keeps a stack from being deployed.
    """

    check: str
    problem: str = ""
    mend: str = ""
    refuses: bool = False


@dataclass(frozen=True)
class Patient:
    """The stack that is looked at, as its lock has it; ``deployed`` is false before it is brought up."""

    stack: str
    config: StackConfig
    root: Path
    deployed: bool = True
    lock: Lock | None = None

    @cached_property
    def drafted(self) -> tuple[DeploymentPlan, list[Problem]]:
        """As much of the plan as there is, and what is refused."""
        from ops import stacks

        return stacks.drafted(self.config, self.stack, self.lock)


def examine(patient: Patient) -> list[Finding]:
    """Every check that applies to the stack's runtime."""
    return [finding for rule in _rules() for finding in rule.look(patient)]


def before_up(patient: Patient) -> list[Finding]:
    """The problems that can be told before anything is deployed."""
    return [
        Finding(found.check, found.problem, found.mend, refuses=rule.BEFORE_UP == "refuse")
        for rule in _rules()
        if hasattr(rule, "BEFORE_UP")
        for found in rule.look(patient)
        if found.problem
    ]


def _rules() -> Iterator[ModuleType]:
    for info in pkgutil.iter_modules(rules.__path__):
        yield import_module(f"{rules.__name__}.{info.name}")
