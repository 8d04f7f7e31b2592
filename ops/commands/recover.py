"""``recover``: a stack from its backups alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ops.options import DEFAULT_STACK, Json, Stack


def command(
    repository: Annotated[
        str, typer.Option("--from", metavar="DIR|URL", help="The repository of the backups.")
    ],
    password_file: Annotated[
        Path, typer.Option("--password-file", metavar="FILE", help="What it was encrypted with.")
    ],
    stack: Stack = DEFAULT_STACK,
    snapshot: Annotated[
        str | None, typer.Option("--snapshot", metavar="ID", help="Which backup; the latest if not said.")
    ] = None,
    credentials: Annotated[
        Path | None,
        typer.Option("--credentials", metavar="FILE", help="Lines NAME=value that a URL needs to be read."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Verify it, say what would come back, and end.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Bring back a whole stack on a machine that has nothing of it: file, keys, secrets, services, data.

    The repository is only read. Where a run ends half-way, run it again.
    """
    import time

    from ops import output
    from ops.backup import recovery
    from ops.backup.settling import Source

    began = time.monotonic()
    location = str(Path(repository).resolve()) if ":" not in repository else repository
    source = Source(location, password_file, credentials)
    if dry_run:
        with recovery.found(stack, source, snapshot, output.progress) as (chosen, _):
            names = list(chosen.stored.services)
            if as_json:
                output.data({"stack": stack, "snapshot": chosen.snapshot.id, "services": names})
            else:
                output.progress(f"would bring {stack} up and restore {', '.join(names)}, as of {chosen.when}")
        return
    done = recovery.recover(stack, source, snapshot, output.progress)
    seconds = round(time.monotonic() - began, 1)
    if as_json:
        output.data(
            {"stack": stack, "snapshot": done.found.snapshot.id, "services": list(done.services),
             "seconds": seconds, "missing": list(done.missing)}
        )  # fmt: skip
        return
    print(f"recovered from backup {done.found.snapshot.short} in {seconds:g} s: {', '.join(done.services)}")
    for problem in done.missing:
        output.progress(f"may be missing: {problem}")
    output.progress(f"take the next backup now: ./hearth backup --stack {stack}")
