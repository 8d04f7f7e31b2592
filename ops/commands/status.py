"""``status``: every service at a glance."""

from __future__ import annotations

import contextlib
import time
from dataclasses import asdict

import typer

from ops.options import DEFAULT_STACK, Json, Stack

_UNITS = ((86400, "d"), (3600, "h"), (60, "min"))


def command(stack: Stack = DEFAULT_STACK, as_json: Json = False) -> None:
    """Ask every service whether it answers; show memory, restarts, version, address, last backup and drill.

    Fails when one does not answer.
    """
    from components.units import format_bytes
    from host.containers.client import daemon
    from ops import output, stacks, status

    config = stacks.configured(stack)
    stacks.refuse_swarm(stack, config)
    containers = config.containers
    root, plan = stacks.root(stack, config), stacks.planned_from(config, stack)
    with daemon() if containers else contextlib.nullcontext() as client:
        look = status.ContainerLook(client, stack) if containers else status.NativeLook(root)
        found = status.conditions(plan, root, look, containers)
    broken = [one.service for one in found if one.state != status.ANSWERS]
    if as_json:
        output.data({"stack": stack, "services": [asdict(one) for one in found]})
    else:
        rows = [
            (
                one.service,
                one.state,
                f"{format_bytes(one.memory)} of {format_bytes(one.limit)}" if one.memory is not None else "-",
                "-" if one.restarts is None else str(one.restarts),
                one.version or "-",
                one.address or "-",
                ago(one.backup),
                ago(one.drill),
            )
            for one in found
        ]
        columns = (
            "service",
            "state",
            "memory",
            "restarts",
            "version",
            "address",
            "last backup",
            "last drill",
        )
        output.table(columns, rows)
    if broken:
        raise typer.Exit(1)


def ago(when: float | None) -> str:
    """How long ago a time since 1970 was, in its largest unit."""
    if when is None:
        return "never"
    seconds = time.time() - when
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds // size:.0f} {unit} ago"
    return "just now"
