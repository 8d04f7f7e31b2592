"""Nobody else can enter where secrets lie."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from ops.doctor.examination import Finding, Patient

BEFORE_UP = "refuse"


def look(patient: Patient) -> Iterator[Finding]:
    """The directories of secrets that are there."""
    for path in (patient.root / "secrets", patient.root / "backup" / "secrets"):
        if not path.is_dir():
            continue
        check, found = f"permissions of {path.relative_to(patient.root)}", path.stat()
        if found.st_uid != os.geteuid():
            yield Finding(check, f"{path}: belongs to another account", "run this as who deployed the stack")
        elif stat.S_IMODE(found.st_mode) & 0o077:
            yield Finding(check, f"{path}: others can enter it", f"chmod 700 {path}")
        else:
            yield Finding(check)
