"""``watch``: what the stack's own schedule runs."""

from __future__ import annotations

from ops.options import DEFAULT_STACK, Stack


def command(stack: Stack = DEFAULT_STACK) -> None:
    """Look once: write the front page and the health log, and alert. `pulumi up` has this run by itself.

    Fails when the runtime cannot be asked, or somebody could not be told.
    """
    from ops import output, watching

    watching.look(stack, output.progress)
