"""Stacks to test with, on a host whose figures are always the same."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml
from support.mocks import Answers, Recorder, run

from components.catalog import entries
from components.config import CONTAINERS, StackConfig, load_stack_config
from components.facts import HostFacts
from components.plan import DeploymentPlan, build_plan
from components.platform import Platform
from components.runtimes import runtime_for

REPOSITORY = Path(__file__).resolve().parents[2]
GIB = 1024**3
MIB = 1024**2
STACK = "test"

RUNTIMES: dict[str, dict[str, Any]] = {
    "docker": {"runtime": "docker"},
    "launchd-user": {"runtime": "launchd"},
    "launchd-system": {"runtime": "launchd", "launchd": {"scope": "system", "account": "_hearth"}},
    "supervisord": {"runtime": "supervisord"},
    "swarm": {"runtime": "swarm"},
    "systemd-user": {"runtime": "systemd", "systemd": {"scope": "user"}},
    "systemd-system": {"runtime": "systemd", "systemd": {"scope": "system"}},
}


# Kinds of which there is none without a program of the owner's.
OWN: dict[str, dict[str, Any]] = {
    "agent": {"directory": "examples/agent", "requirements": "requirements.txt", "uses": ["redis"]},
    "api": {
        "directory": "examples/api",
        "uses": ["redis", "postgres"],
        "database": "shop",
        "route": "/api/",
        "secrets": {"JWT_SECRET": "jwt"},
    },
    "cronjob": {"directory": "examples/etl", "script": "main.py", "data": True},
    "frontend": {"directory": "examples/frontend"},
    "worker": {"directory": "examples/worker", "uses": ["redis"], "broker": "redis"},
}
# What they require is in no image but the owner's.
OWN_IMAGES = {name: f"registry.example.org/{name}:1.0.0" for name in ("agent", "api", "worker")}


def facts(**changes: Any) -> HostFacts:
    """A machine of 16 GiB and 8 cores, used by root."""
    figures = {
        "memory": 16 * GIB,
        "cpus": 8.0,
        "root": "/var/lib/hearth",
        "superuser": True,
        "accounts": True,
        "user": "operator",
        "home": "/home/operator",
        "swarm_nodes": lambda: 1,
    }
    return HostFacts(**{**figures, **changes})


def values(runtime: str, services: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The ``hearth:*`` values of a stack; ``runtime`` is a key of ``RUNTIMES``."""
    if runtime == "swarm":
        services = {name: _on_every_address(name, settings) for name, settings in services.items()}
    return {**RUNTIMES[runtime], "services": services, **more}


def contained(runtime: str) -> bool:
    """Whether a key of ``RUNTIMES`` runs containers."""
    return RUNTIMES[runtime]["runtime"] in CONTAINERS


def kinds(runtime: str) -> tuple[str, ...]:
    """Every kind of service that a runtime can run."""
    if contained(runtime):
        return tuple(entries())
    return tuple(kind for kind in entries() if kind not in containers_only())


@cache
def containers_only() -> frozenset[str]:
    """The kinds that have no programs for a host without containers."""
    made = plan(everything("docker"))
    return frozenset(spec.type for spec in made.services if spec.package is None)


def _on_every_address(name: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Swarm publishes on no single address, so whoever publishes says that this is wanted."""
    kind = entries().get(settings.get("type", name))
    addressed = kind is not None and "address" in kind.settings.model_fields
    return {"address": "0.0.0.0", **settings} if addressed else settings


def everything(runtime: str) -> dict[str, Any]:
    """A stack with every kind of service that can run there, on a host that is large enough.

    Each has its defaults, where it has some.
    """
    images = {"images": OWN_IMAGES} if contained(runtime) else {}
    services = {name: OWN.get(name, {}) for name in kinds(runtime)}
    return values(runtime, services, host={"memory": "256GiB"}, **images)


def plan(stack: dict[str, Any], host: HostFacts | None = None, name: str = STACK) -> DeploymentPlan:
    """The plan of a stack."""
    config, host = load_stack_config(stack), host or facts()
    return build_plan(config, host, runtime_for(config, host, name), name)


def record(stack: dict[str, Any], host: HostFacts | None = None, answers: Answers | None = None) -> Recorder:
    """What deploying a stack registers."""
    config = load_stack_config(stack)
    return run(lambda: deploy(config, host or facts()), answers)


def deploy(config: StackConfig, host: HostFacts) -> None:
    """The whole stack, for use inside a program."""
    Platform.deploy(STACK, config, host)


def stack_file(name: str) -> dict[str, Any]:
    """The values of ``Pulumi.<name>.yaml``, keys without the prefix."""
    text = (REPOSITORY / f"Pulumi.{name}.yaml").read_text()
    return {key.removeprefix("hearth:"): value for key, value in yaml.safe_load(text)["config"].items()}
