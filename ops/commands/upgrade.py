"""``upgrade``: other versions, after a verified backup, undone when they do not answer."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from ops.options import DEFAULT_STACK, Json, Stack


def command(
    services: Annotated[list[str] | None, typer.Argument(help="Services to upgrade; all if none.")] = None,
    stack: Stack = DEFAULT_STACK,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, and end.")] = False,
    no_backup: Annotated[
        bool, typer.Option("--no-backup", help="Take no backup first: what a failure damages is lost.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Move to the newest images and packages that the stack's file allows, and move the lock.

    Shows what changes, asks what `hearth doctor` asks, backs up and verifies, applies, and waits until every
    service answers. When anything fails, the old versions run again on the data of before, with exit
    status 1. Data of PostgreSQL's major versions moves by dump and restore. After a kill, run it again.
    """
    from components.errors import ConfigurationError
    from ops import deployments, output, stacks
    from ops.errors import Failure
    from ops.upgrade import journal, run, transaction

    root = stacks.root(stack, stacks.configured(stack))
    with journal.alone(root):
        try:
            mended = "" if dry_run else transaction.recover(stack, root, output.progress)
            if mended:
                output.progress(mended)
            found = run.planned(stack, root, services or [], output.progress)
            run.check(found, no_backup=no_backup)
        except ConfigurationError as error:
            raise Failure(str(error)) from None
        rows = [(one.service, one.now, one.then, one.data) for one in found.changes]
        if rows and not as_json:
            output.table(("service", "now", "then", "data"), rows, stderr=not dry_run)
        result = {"stack": stack, "changes": [one.as_data() for one in found.changes]}
        began, snapshot = time.monotonic(), None
        if found.changes and not dry_run:
            snapshot = run.make(found, no_backup=no_backup, progress=output.progress)
        elif not dry_run and found.new.lock:
            # The same programs, perhaps asked for in other words.
            deployments.write_lock(stack, found.new.lock)
    if as_json:
        output.data({**result, "done": bool(rows) and not dry_run, "snapshot": snapshot})
    elif not rows:
        print(f"stack {stack}: nothing is newer than what runs")
    elif not dry_run:
        names = ", ".join(one.service for one in found.changes)
        print(f"upgraded {names} in {time.monotonic() - began:.0f} s; every service answers")
