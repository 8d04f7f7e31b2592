"""``logs``: what services write."""

from __future__ import annotations

import contextlib
import json
import re
from typing import TYPE_CHECKING, Annotated

import typer

from ops.options import DEFAULT_STACK, Json, Stack

if TYPE_CHECKING:
    from collections.abc import Iterable

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def command(
    services: Annotated[list[str] | None, typer.Argument(help="Whose; all if absent.")] = None,
    stack: Stack = DEFAULT_STACK,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many of the last ones.")] = 100,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="None older than 90s, 10m, 2h or 1d.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what services wrote to their standard output and errors; with --json an object a line."""
    from host.containers.client import daemon
    from ops import logs, stacks

    wish = logs.Wish(lines, None if since is None else seconds(since), follow)
    config = stacks.configured(stack)
    names = logs.named(stacks.plan_of(config, stack), services or [])
    root = stacks.root(stack, config)
    with daemon() if config.containers else contextlib.nullcontext() as client:
        found = {
            name: logs.contained(client, stack, name, swarm=config.runtime == "swarm")
            if client
            else logs.native(root, name)
            for name in names
        }
        # Whoever reads no more, as `head` does, or interrupts, has seen enough.
        with contextlib.suppress(KeyboardInterrupt, BrokenPipeError):
            _show(logs.together(found, wish), max(map(len, names)) if len(names) > 1 else 0, as_json)


def seconds(text: str) -> float:
    """``90s``, ``10m``, ``2h`` or ``1d`` in seconds. Raises ``Usage`` for anything else."""
    from ops.errors import Usage

    found = re.fullmatch(r"(\d+)([smhd])", text)
    if not found:
        raise Usage(f"--since {text}: write a number and s, m, h or d, such as 10m")
    return int(found[1]) * _SECONDS[found[2]]


def _show(lines: Iterable[tuple[str, str]], width: int, as_json: bool) -> None:
    for service, line in lines:
        if as_json:
            print(json.dumps({"service": service, "line": line}, ensure_ascii=False), flush=True)
        else:
            print(f"{service:{width}} | {line}" if width else line, flush=True)
