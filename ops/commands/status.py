"""``status``: every service at a glance."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from ops.options import DEFAULT_STACK, Json, Stack

if TYPE_CHECKING:
    from collections.abc import Callable

    from ops.status import Report

_PAUSE_SECONDS = 2


def command(
    stack: Stack = DEFAULT_STACK,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Look again every 2 s, until Ctrl-C.")] = False,
    as_json: Json = False,
) -> None:
    """Ask every service whether it answers; show memory, restarts, version, address, last backup and drill.

    Says what is refused or degraded, and why. Fails when a service does not answer or anything is refused.
    """
    from ops import output, status, status_text
    from ops.errors import Usage

    if watch and (as_json or not output.console().is_terminal):
        raise Usage("--watch is for a terminal; leave it out, or call this again and again")
    if watch:
        _watched(lambda: status.report(stack))
        return
    found = status.report(stack)
    if as_json:
        output.data(asdict(found))
    else:
        output.console().print(status_text.of(found))
    if not found.well:
        raise typer.Exit(1)


def _watched(look: Callable[[], Report]) -> None:
    """The table on a screen of its own, looked at again until Ctrl-C."""
    import contextlib

    from rich.live import Live

    from ops import output, status_text

    with (
        contextlib.suppress(KeyboardInterrupt),
        Live(status_text.of(look()), console=output.console(), screen=True, auto_refresh=False) as shown,
    ):
        while True:
            time.sleep(_PAUSE_SECONDS)
            shown.update(status_text.of(look()), refresh=True)
