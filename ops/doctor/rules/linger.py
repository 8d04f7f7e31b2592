"""A user's services outlive the session."""

from __future__ import annotations

import os
from collections.abc import Iterator

from ops.doctor.asking import said
from ops.doctor.examination import Finding, Patient

BEFORE_UP = "warn"


def look(patient: Patient) -> Iterator[Finding]:
    """Lingering, for units of a user's manager."""
    if patient.config.runtime != "systemd" or patient.config.systemd.scope != "user":
        return
    user = str(os.geteuid())
    if said("loginctl", "show-user", user, "--property=Linger", "--value") == "yes":
        yield Finding("linger")
    else:
        mend = f"sudo loginctl enable-linger {os.environ.get('USER', user)}"
        yield Finding("linger", "services end when you log out", mend)
