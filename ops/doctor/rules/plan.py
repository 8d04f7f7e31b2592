"""Memory, ports and needs: the plan's own checks."""

from __future__ import annotations

from collections.abc import Iterator

from ops.doctor.examination import Finding, Patient

BEFORE_UP = "refuse"


def look(patient: Patient) -> Iterator[Finding]:
    """Every problem of the plan."""
    check, (_, problems) = "memory, ports, needs", patient.drafted
    for problem in problems:
        yield Finding(check, str(problem), f"edit Pulumi.{patient.stack}.yaml")
    if not problems:
        yield Finding(check)
