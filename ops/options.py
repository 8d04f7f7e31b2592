"""Options that commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from ops.backup.places import Place

DEFAULT_STACK = "local"

Stack = Annotated[
    str,
    typer.Option("--stack", "-s", envvar="HEARTH_STACK", metavar="NAME", help="Stack to work on."),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Wait = Annotated[
    bool, typer.Option("--wait", help="Wait for another backup, restore or drill of the stack to end.")
]
From = Annotated[
    Place, typer.Option("--from", help="Which repository: the first, or the second that has the copies.")
]
