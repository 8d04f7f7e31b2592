"""``purge``: delete, by name, the data that outlived its services."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.options import DEFAULT_STACK, Stack

if TYPE_CHECKING:
    from ops.purge import Root, Target


def command(
    services: Annotated[list[str] | None, typer.Argument(help="Services whose data goes.")] = None,
    stack: Stack = DEFAULT_STACK,
    everything: Annotated[bool, typer.Option("--all", help="All of them; secrets, programs too.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete the data of services that are not deployed any more. There is no way back.

    Refused while a service is in the stack's state or still runs.
    """
    from host import deployments
    from host.containers.client import daemon
    from ops import output, purge, stacks
    from ops.errors import Usage

    if bool(services) == everything:
        raise Usage("name the services whose data goes, or say --all")
    config = stacks.configured(stack)
    root = purge.read_root(stacks.root(stack, config))
    with daemon() if config.containers else contextlib.nullcontext() as client:
        _refuse_what_is_used(stack, root, services, client)
        targets = _targets(stack, root, services, client)
        if not targets:
            whose = ", ".join(services or ["any service"])
            output.progress(f"nothing to purge: stack {stack} keeps no data of {whose} here")
            return
        _show(targets)
        if not yes:
            _confirm(stack)
        deployments.forget(root.path, services or [])
        for target in targets:
            if target.kind == "volume":
                client.volumes.get(target.name).remove()
            else:
                purge.delete_directory(Path(target.name))
    if everything:
        purge.drop_if_empty(root.path)
    output.progress(f"deleted: {len(targets)}")


def _targets(stack: str, root: Root, services: Sequence[str] | None, client: Any) -> list[Target]:
    from ops import purge_guard

    volumes = list(purge_guard.volumes(client, stack, services)) if client else []
    return [*(root.data(services) if services else root.everything()), *volumes]


def _refuse_what_is_used(stack: str, root: Root, services: Sequence[str] | None, client: Any) -> None:
    from ops import purge_guard
    from ops.errors import Failure

    deployed = purge_guard.deployed(stack)
    used = sorted(deployed if services is None else deployed & set(services))
    if used:
        raise Failure(
            f"{', '.join(used)}: still in stack {stack}; nothing was deleted. First run "
            f"`pulumi destroy --stack {stack}`, or take it out of hearth:services and run `pulumi up`"
        )
    directories = [root.path / name for name in root.homes if name in services] if services else [root.path]
    running = [found for directory in directories for found in purge_guard.processes(directory)]
    if client:
        for service in services or [None]:
            running += purge_guard.containers(client, stack, service)
    if running:
        raise Failure(
            f"{', '.join(running)}: not in the stack's state, and still there; nothing was deleted. "
            "Stop and remove it first"
        )


def _show(targets: Sequence[Target]) -> None:
    from components.units import format_bytes
    from ops import output

    rows = [(item.kind, item.name, format_bytes(item.size)) for item in targets]
    output.table(("what", "name", "size"), rows, stderr=True)


def _confirm(stack: str) -> None:
    from ops.errors import Failure

    try:
        typed = input(f"All of this is deleted for good. Type the stack's name ({stack}) to go on: ")
    except EOFError:
        typed = ""
    if typed.strip() != stack:
        raise Failure("nothing was deleted; type the stack's name, or say --yes")
