"""The secrets of what is deployed are there."""

from __future__ import annotations

from collections.abc import Iterator

from ops.doctor.examination import Finding, Patient


def look(patient: Patient) -> Iterator[Finding]:
    """Those that the plan needs; `up` makes those of a new service."""
    plan, problems = patient.drafted
    directory = patient.root / "secrets"
    if problems or not directory.is_dir():
        return
    wanted = {ref.name for spec in plan.services for ref in spec.secrets if ref.source is None}
    missing = sorted(name for name in wanted if not (directory / name).is_file())
    if not missing:
        yield Finding("secrets")
        return
    back = f"./hearth restore --own-files DIR --stack {patient.stack}"
    yield Finding("secrets", f"missing: {', '.join(missing)}", back if patient.config.backup else "pulumi up")
