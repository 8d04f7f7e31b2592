"""``run JOB``: one run of a scheduled service, now."""

from __future__ import annotations

from typing import Annotated

import typer

from ops.options import DEFAULT_STACK, Json, Stack


def command(
    job: Annotated[str, typer.Argument(metavar="JOB", help="A service with a schedule.")],
    stack: Stack = DEFAULT_STACK,
    within: Annotated[float, typer.Option(help="Longest to wait for its end, in seconds.")] = 3600,
    as_json: Json = False,
) -> None:
    """Run a scheduled service now, wait for its end, and fail when it does."""
    from ops import jobs, output

    found = jobs.run(stack, job, within, output.progress)
    if as_json:
        output.data({"stack": stack, "job": job, **found})
    else:
        print(f"{job}: ended well after {found['seconds']} s")
