"""``drill``: prove that the latest backup can be restored."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Annotated

import typer

from ops.options import DEFAULT_STACK, From, Json, Place, Stack, Wait


def command(
    stack: Stack = DEFAULT_STACK,
    snapshot: Annotated[
        str | None, typer.Option("--snapshot", metavar="ID", help="Which backup; the latest if not said.")
    ] = None,
    place: From = Place.FIRST,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be restored, and end.")] = False,
    wait: Wait = False,
    as_json: Json = False,
) -> None:
    """Restore a backup into scratch instances beside what runs, compare rows, keys and files, remove them.

    These services need as much memory again for that: at once, or in rounds where less is free.
    """
    from components.units import format_bytes
    from ops import output
    from ops.backup import drill, moment, target

    found = replace(target.of(stack), waits=wait)
    if dry_run:
        names = [spec.name for spec in found.covered if spec.backup and spec.backup.replaces]
        output.progress(f"would restore into scratch instances, compare and remove: {', '.join(names)}")
        return
    taken, proofs, verified = drill.run(found, snapshot, output.progress, place)
    reached = moment.drill(found, output.progress)
    if as_json:
        services = [asdict(proof) for proof in proofs]
        moments = [asdict(one) for one in reached]
        data = {"stack": stack, "snapshot": taken.id, "services": services, "verified": list(verified)}
        output.data(data | {"moments": moments})
        return
    rows = [
        (proof.service, format_bytes(proof.size), f"{proof.seconds:.1f}", str(proof.facts))
        for proof in proofs
    ]
    output.table(("service", "size", "seconds", "facts compared"), rows)
    for name in verified:
        print(f"{name}: its files are whole; a restore would add to what runs, so it was not made")
    for one in reached:
        print(f"{one.service}: its archive was brought to a moment and read, {one.seconds:.1f} s")
    print(f"backup {taken.short}: everything came back")
