"""A service that runs several times: n services of the plan, from one of the stack file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from components.config import StackConfig
from components.errors import Problem
from components.settings import Replicated, ServiceSettings

_LONGEST_NAME = 25
_LAST_PORT = 65535


@dataclass(frozen=True, kw_only=True)
class Instance:
    """One service of the plan. ``declared`` is its name in the stack file."""

    declared: str
    settings: ServiceSettings


def expanded(
    services: Mapping[str, ServiceSettings], *, shared: bool
) -> tuple[dict[str, Instance], list[Problem]]:
    """Every service by its name in the plan: ``agents-1`` to ``agents-8`` of eight ``agents``.

    Where they share one host (``shared``) their ports count up from the declared one; containers
    have an address each, and all the same port.
    """
    found: dict[str, Instance] = {}
    problems: list[Problem] = []
    for declared, settings in services.items():
        count = settings.replicas if isinstance(settings, Replicated) else 1
        if count == 1:
            found[declared] = Instance(declared=declared, settings=settings)
            continue
        path = f"hearth:services.{declared}"
        names = [f"{declared}-{number}" for number in range(1, count + 1)]
        taken = [name for name in names if name in services]
        if taken:
            problems.append(Problem(path, f"has a replica called {taken[0]}, as another service; rename one"))
        if len(names[-1]) > _LONGEST_NAME:
            longest = _LONGEST_NAME - len(names[-1]) + len(declared)
            problems.append(Problem(path, f"has replicas: give it a name of at most {longest} characters"))
        step = 1 if shared else 0
        if settings.port is not None and settings.port + step * (count - 1) > _LAST_PORT:
            highest = _LAST_PORT - count + 1
            problems.append(Problem(f"{path}.port", f"must be {highest} or less: replicas count up from it"))
            continue
        for place, name in enumerate(names):
            port = settings.port if settings.port is None else settings.port + step * place
            one = settings.model_copy(update={"replicas": 1, "port": port})
            found[name] = Instance(declared=declared, settings=one)
    return found, problems


def listening(config: StackConfig) -> list[int]:
    """Every port that a service of the stack listens on."""
    found, _ = expanded(config.services, shared=not config.containers)
    return [one.settings.port for one in found.values() if one.settings.port is not None]
