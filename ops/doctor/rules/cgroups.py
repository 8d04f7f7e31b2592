"""The kernel's limits, where the runtime counts on them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from ops.doctor.examination import Finding, Patient

BEFORE_UP = "warn"


def look(patient: Patient) -> Iterator[Finding]:
    """The memory controller."""
    counted = patient.config.containers or patient.config.runtime == "systemd"
    if not counted or not sys.platform.startswith("linux"):
        return
    unified = Path("/sys/fs/cgroup/cgroup.controllers")
    known = unified.read_text().split() if unified.exists() else os.listdir("/sys/fs/cgroup")
    if "memory" in known:
        yield Finding("cgroups")
    else:
        mend = "add cgroup_enable=memory to the kernel's command line, and reboot"
        yield Finding("cgroups", "the kernel keeps no memory limits", mend)
