"""Somebody keeps the clock right."""

from __future__ import annotations

from collections.abc import Iterator

from ops.doctor.asking import said
from ops.doctor.examination import Finding, Patient

BEFORE_UP = "warn"


def look(patient: Patient) -> Iterator[Finding]:
    """Where systemd knows."""
    kept = said("timedatectl", "show", "--property=NTPSynchronized", "--value")
    if kept == "no":
        yield Finding("clock", "is not kept right by anybody", "sudo timedatectl set-ntp true")
    elif kept == "yes":
        yield Finding("clock")
