"""``plan``: what a deployment would run, and whether it fits, without touching anything."""

from __future__ import annotations

import typer

from ops.options import DEFAULT_STACK, Json, Stack


def command(stack: Stack = DEFAULT_STACK, as_json: Json = False) -> None:
    """Show what Pulumi.<stack>.yaml would run on this host; list every problem it has."""
    from components.errors import ConfigurationError
    from components.plan_table import as_data, as_text
    from ops import output, stacks

    try:
        plan = stacks.planned(stack)
    except ConfigurationError as error:
        if as_json:
            problems = [{"path": found.path, "message": found.message} for found in error.problems]
            output.data({"stack": stack, "problems": problems})
        else:
            output.progress(f"Pulumi.{stack}.yaml: {error}")
        raise typer.Exit(1) from None
    if as_json:
        output.data(as_data(plan))
    else:
        print(as_text(plan))
