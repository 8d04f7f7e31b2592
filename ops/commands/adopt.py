"""``adopt``: take containers and volumes that exist into a stack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ops.options import DEFAULT_STACK, Json, Stack

if TYPE_CHECKING:
    from ops.adopt.adoption import Look


def command(
    stack: Stack = DEFAULT_STACK,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen, and end.")] = False,
    undo: Annotated[
        bool, typer.Option("--undo", help="Forget what was adopted; everything runs on.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Take what the Docker daemon has already into the stack's state, without starting anything again.

    Refused, with every difference, where what is there is not what the stack file would make.
    """
    from host.containers.client import daemon
    from ops import output, stacks
    from ops.adopt import adoption
    from ops.errors import Failure

    config = stacks.configured(stack)
    if config.runtime != "docker":
        raise Failure(f"stack {stack}: only containers are adopted, and its runtime is {config.runtime}")
    root = stacks.root(stack, config)
    if undo:
        adoption.undo(stack, root)
        output.progress(f"stack {stack}: as before; what runs was not touched")
        return
    with daemon() as client:
        seen = adoption.look(client, stack, root, stacks.plan_of(config, stack))
    if not dry_run:
        adoption.adopt(stack, root, seen, output.progress)
    _report(stack, seen, dry_run, as_json)
    if any(one.problems for one in seen.found):
        raise typer.Exit(1)


def _report(stack: str, seen: Look, dry_run: bool, as_json: bool) -> None:
    from ops import output

    if as_json:
        found = [
            {"kind": one.kind, "name": one.name, "id": one.id, "differences": one.problems}
            for one in seen.found
        ]
        output.data({"stack": stack, "dry_run": dry_run, "adopted": found, "made": seen.made})
        return
    rows = [(one.kind, one.name, "; ".join(one.problems) or "as the stack file says") for one in seen.found]
    output.table(("what", "name", "it is"), rows)
    made = ", ".join(seen.made)
    if made:
        output.progress(f"{'would be' if dry_run else 'was'} made, for it was not there: {made}")
