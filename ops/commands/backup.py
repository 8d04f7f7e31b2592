"""``backup``: everything that the stack's services hold, into its repository."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from ops.options import DEFAULT_STACK, Json, Stack, Wait

if TYPE_CHECKING:
    from ops.backup.target import Target


def command(
    stack: Stack = DEFAULT_STACK,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be captured, and end.")] = False,
    anew: Annotated[
        bool, typer.Option("--new-repository", help="Begin a new one where the repository is gone for good.")
    ] = False,
    wait: Wait = False,
    as_json: Json = False,
) -> None:
    """Take a backup of every service, read it back, then let go of those that are too old.

    Fails, and leaves older backups as they are, unless all of it is there and whole.
    """
    from components.units import format_bytes
    from host.errors import HostError
    from ops import output
    from ops.backup import jobs, moment, target
    from ops.errors import Failure

    found = replace(target.of(stack), waits=wait)
    if dry_run:
        rows = _described(found)
        if as_json:
            output.data(
                {"stack": stack, "services": [{"service": name, "captured": how} for name, how in rows]}
            )
        else:
            output.table(("service", "captured"), rows)
        return
    taken = jobs.back_up(found, output.progress, anew=anew)
    try:
        archives = moment.add_bases(found, output.progress)
    except (Failure, HostError) as error:
        raise Failure(
            f"backup {taken.snapshot.short} is complete; an archive of changes is not: {error}"
        ) from None
    parts = taken.manifest.services.items()
    if as_json:
        services = [{"service": name, "bytes": part.size, "seconds": part.seconds} for name, part in parts]
        output.data(
            {"stack": stack, "snapshot": taken.snapshot.id, "time": taken.snapshot.time, "services": services,
             "added": taken.added, "kept": taken.kept, "copy": taken.copy.id if taken.copy else None,
             "archives": archives}
        )  # fmt: skip
        return
    output.table(
        ("service", "size", "seconds"),
        [(name, format_bytes(part.size), f"{part.seconds:.1f}") for name, part in parts],
    )
    print(f"backup {taken.snapshot.short}: complete; {format_bytes(taken.added)} added, {taken.kept} kept")
    if taken.copy:
        print(f"copy {taken.copy.short}: complete, in {found.settings.copy_to}")


def _described(found: Target) -> list[tuple[str, str]]:
    """Service, and what is captured of it."""
    rows = []
    for spec in found.covered:
        assert spec.backup is not None
        words = [capture.name for capture in spec.backup.captures]
        words += ["a whole copy for its archive of changes"] if spec.backup.archive else []
        words += ["its data directory, while it is stopped"] if spec.backup.files else []
        rows.append((spec.name, ", ".join(words)))
    return [*rows, *((name, "nothing") for name in found.bare), ("the stack", "its file, state and secrets")]
