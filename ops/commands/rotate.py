"""``rotate``: another value for a secret."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from ops.options import DEFAULT_STACK, Json, Stack

if TYPE_CHECKING:
    from ops.rotation import Rotatable


def command(
    secret: Annotated[
        str | None, typer.Argument(metavar="SECRET", help="Which one; a list if absent.")
    ] = None,
    stack: Stack = DEFAULT_STACK,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen, and end.")] = False,
    as_json: Json = False,
) -> None:
    """Replace a secret by a new one while everything runs; the old one is refused afterwards.

    Who checks it takes the new value first, then who shows it starts again, one after the other. What was
    interrupted is ended by the next call. Without a name, the secrets of the stack are listed.
    """
    from ops import output, rotation, stacks

    config = stacks.configured(stack)
    root = stacks.root(stack, config)
    found = rotation.known(stacks.plan_of(config, stack), config, root)
    if secret is None:
        if as_json:
            output.data({"stack": stack, "secrets": [asdict(one) for one in found]})
        else:
            output.table(("secret", "replaced", "taken live by", "starts again"), map(_row, found))
        return
    one = rotation.named(found, secret)
    if dry_run:
        if as_json:
            output.data({"stack": stack, "dry_run": True, **asdict(one)})
        else:
            print("\n".join(steps(one)))
        return
    for line in _warnings(one):
        output.progress(line)
    done = rotation.rotate(stack, root, found, one, output.progress)
    if as_json:
        output.data(done)
    else:
        print(f"{secret}: rotated in {done['seconds']} s; the old value is refused")


def _row(one: Rotatable) -> tuple[str, str, str, str]:
    if one.refusal:
        return one.name, "stays", one.refusal, ""
    replaced = "not ended: rotate it again" if one.unfinished else f"{one.renewals} times"
    return one.name, replaced, " ".join(one.taken_by), " ".join(one.restarts)


def steps(one: Rotatable) -> list[str]:
    """What would happen, a line a step."""
    found = [f"{one.name}: would go on where an earlier rotation stopped" if one.unfinished else ""]
    found += [f"{name}: would take it as it runs" for name in one.taken_by]
    found += [f"{name}: would start again with it" for name in one.restarts]
    if one.accepts == "both":
        found.append(f"{one.name}: the old value would be accepted until then, and refused from then on")
    return [line for line in (*found, *_warnings(one)) if line]


def _warnings(one: Rotatable) -> list[str]:
    found = [
        f"{name}: does not answer while it starts again; with replicas: 2 it would" for name in one.pauses
    ]
    if one.accepts == "once":
        found.append(
            f"{one.name}: the old value is refused at once: who shows it fails until it has the new one"
        )
    return found
