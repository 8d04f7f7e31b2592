"""There is a backup, and it is not old."""

from __future__ import annotations

import time
from collections.abc import Iterator

from ops.doctor.examination import Finding, Patient


def look(patient: Patient) -> Iterator[Finding]:
    """The oldest of the last backups of all services."""
    from ops.backup import record, runs
    from ops.status import BACKUP_SECONDS

    if patient.config.backup is None:
        return
    times = [kept["backup"]["time"] for kept in record.read(patient.root).values() if "backup" in kept]
    mend = f"./hearth backup --stack {patient.stack}"
    failed = [(kind, run) for kind, run in runs.read(patient.root).items() if run["reason"]]
    for kind, run in failed:
        again = f"./hearth {'drill' if kind == runs.DRILL else 'backup'} --stack {patient.stack}"
        yield Finding("backup", f"the last {kind} failed: {run['reason'].splitlines()[0]}", again)
    if not times:
        yield Finding("backup", "there is none", mend)
    elif time.time() - min(times) > BACKUP_SECONDS:
        yield Finding("backup", "the last one is older than a day", mend)
    elif not failed:
        yield Finding("backup")
