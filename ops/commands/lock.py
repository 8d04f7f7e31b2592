"""``lock``: the exact image or packages that each service runs, in a file that git can keep."""

from __future__ import annotations

from typing import Annotated

import typer

from ops.options import DEFAULT_STACK, Json, Stack


def command(
    stack: Stack = DEFAULT_STACK,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail when what runs differs from the lock.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be locked, and end.")] = False,
    as_json: Json = False,
) -> None:
    """Write down, for each service, the image or packages that really run: version and digest.

    From then on `pulumi up` deploys exactly these, and `hearth upgrade` moves them.
    """
    from components import lock as locks
    from components.errors import ConfigurationError
    from host import declared
    from ops import deployments, output, stacks
    from ops import locks as running
    from ops.errors import Failure

    config = stacks.configured(stack)
    root, path = stacks.root(stack, config), declared.lock_file(stack)
    last = deployments.latest(stack, root)
    try:
        known = declared.read_lock(stack) if check else None
        deployed = deployments.version(stack, last.file, None)
    except ConfigurationError as error:
        raise Failure(str(error)) from None
    found = running.observed(deployed.plan, root, containers=config.containers)
    if check:
        if known is None:
            raise Failure(f"{path}: there is none; write it with ./hearth lock --stack {stack}")
        differing = running.differences(known, found)
        if as_json:
            rows = [{"service": name, "locked": one, "runs": other} for name, one, other in differing]
            output.data({"stack": stack, "differences": rows})
        elif differing:
            output.table(("service", "locked", "runs"), differing)
        else:
            print(f"stack {stack}: what runs is what {path} says")
        raise typer.Exit(1 if differing else 0)
    if not dry_run:
        deployments.write_lock(stack, found)
    if as_json:
        output.data({"stack": stack, "file": str(path), "lock": found.model_dump(exclude_none=True)})
        return
    output.table(("service", "runs"), [(name, locks.shown(one)) for name, one in found.entries.items()])
    if not dry_run:
        print(f"written: {path}; keep it in git. The next `pulumi up` deploys by it, and restarts nothing")
