"""Stacks to test with, on a host whose figures are always the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from support.mocks import Answers, Recorder, run

from components.catalog import entries
from components.config import StackConfig, load_stack_config
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


def _on_every_address(name: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Swarm publishes on no single address, so whoever publishes says that this is wanted."""
    kind = entries().get(settings.get("type", name))
    addressed = kind is not None and "address" in kind.settings.model_fields
    return {"address": "0.0.0.0", **settings} if addressed else settings


def everything(runtime: str) -> dict[str, Any]:
    """A stack with every kind of service there is, each with its defaults."""
    return values(runtime, {name: {} for name in entries()})


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
