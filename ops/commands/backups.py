"""``backups``: the complete backups of a stack."""

from __future__ import annotations

from ops.options import DEFAULT_STACK, From, Json, Place, Stack


def command(stack: Stack = DEFAULT_STACK, place: From = Place.FIRST, as_json: Json = False) -> None:
    """List the complete backups, oldest first; those that ended early are none."""
    from components.units import format_bytes
    from ops import output
    from ops.backup import jobs, target

    found = jobs.snapshots(target.of(stack), place)
    if as_json:
        listed = [
            {
                "snapshot": snapshot.id,
                "time": snapshot.time,
                "services": {name: part.size for name, part in stored.services.items()},
            }
            for snapshot, stored in found
        ]
        output.data({"stack": stack, "backups": listed})
        return
    rows = [
        (
            snapshot.short,
            f"{snapshot.time[:19].replace('T', ' ')}Z",
            format_bytes(sum(part.size for part in stored.services.values())),
            ", ".join(stored.services),
        )
        for snapshot, stored in found
    ]
    output.table(("backup", "taken", "size", "services"), rows)
