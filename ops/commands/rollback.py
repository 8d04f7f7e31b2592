"""``rollback``: the configuration of an earlier deployment."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from ops.options import DEFAULT_STACK, Json, Stack


def command(
    deployment: Annotated[
        int | None, typer.Argument(help="Number of the deployment to go back to; lists them if not said.")
    ] = None,
    stack: Stack = DEFAULT_STACK,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Let Pulumi preview it, and end.")] = False,
    as_json: Json = False,
) -> None:
    """List the deployments of a stack, or deploy the file and the lock of one of them again.

    Data stays as it is. When a service does not answer then, everything goes back to what runs now. What a
    killed upgrade or rollback has left is put right first.
    """
    from components.errors import ConfigurationError
    from ops import output, stacks
    from ops.errors import Failure
    from ops.upgrade import going_back, journal, transaction

    root = stacks.root(stack, stacks.configured(stack))
    with journal.alone(root):
        try:
            mended = "" if dry_run else transaction.recover(stack, root, output.progress)
            if mended:
                output.progress(mended)
            known = going_back.listed(stack, root)
            found = going_back.planned(stack, root, deployment) if deployment is not None else None
        except ConfigurationError as error:
            raise Failure(str(error)) from None
        if found is None:
            if as_json:
                output.data({"stack": stack, "deployments": going_back.rows(known)})
                return
            shown = [
                (
                    str(one.number),
                    datetime.fromtimestamp(one.time).strftime("%Y-%m-%d %H:%M:%S"),
                    one.by,
                    what,
                )
                for one, what in known
            ]
            output.table(("deployment", "deployed", "by", "changed"), shown)
            return
        saved = None
        if dry_run:
            going_back.preview(found)
        else:
            saved = going_back.make(found, output.progress)
    if as_json:
        output.data({"stack": stack, "deployment": deployment, "changed": found.summary, "done": not dry_run})
        return
    if saved:
        output.progress(f"Pulumi.{stack}.yaml was deployed never; it is kept as {saved}")
    did = "would go back" if dry_run else "went back"
    print(f"{did} to deployment {deployment}: {found.summary}; data stays as it is")
