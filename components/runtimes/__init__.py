"""The runtimes, by the name used in ``hearth:runtime``."""

from __future__ import annotations

from components.config import StackConfig
from components.facts import HostFacts
from components.gpus import usable
from components.runtimes.base import Runtime, Stack
from components.runtimes.confinement import security_options
from components.runtimes.docker import DockerRuntime
from components.runtimes.launchd import LaunchdUnits
from components.runtimes.native import NativeRuntime
from components.runtimes.supervisord import SupervisordUnits
from components.runtimes.swarm import SwarmRuntime
from components.runtimes.systemd import SystemdUnits


def runtime_for(config: StackConfig, facts: HostFacts, stack_name: str) -> Runtime:
    """The runtime that ``config`` asks for, on the host of ``facts``."""
    # A user's own manager cannot become anybody else, and on macOS no accounts are made.
    system = config.runtime == "systemd" and config.systemd.scope == "system"
    stack = Stack(
        name=stack_name,
        root=config.data or f"{facts.root}/{stack_name}",
        accounts=facts.accounts and (system or config.runtime == "supervisord"),
        account=config.launchd.account if config.runtime == "launchd" else None,
        user=facts.user,
        home=facts.home,
    )
    if config.runtime == "docker":
        return DockerRuntime(
            stack,
            security_options=security_options(config.docker, facts.text),
            gpus=usable(config.host, facts) > 0,
        )
    if config.runtime == "swarm":
        return SwarmRuntime(stack)
    if config.runtime == "systemd":
        return NativeRuntime(
            stack, SystemdUnits(config.systemd.scope, facts.home, user_namespaces=facts.user_namespaces)
        )
    if config.runtime == "launchd":
        return NativeRuntime(stack, LaunchdUnits(config.launchd.scope, facts.home))
    return NativeRuntime(stack, SupervisordUnits())
