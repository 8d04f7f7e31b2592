"""Every image that is not there yet can be had."""

from __future__ import annotations

from collections.abc import Iterator

from components import lock as locks
from components.spec import ServiceSpec
from host.errors import HostError
from ops import images
from ops.doctor.examination import Finding, Patient

BEFORE_UP = "refuse"


def look(patient: Patient) -> Iterator[Finding]:
    """What containers are made of; `up` would find it out with half of them made.

    Helpers run the image of the service that they work for, and what is `external` has none.
    """
    if not patient.config.containers:
        return
    plan, _ = patient.drafted
    try:
        refused = images.refused(plan.services)
    except HostError:
        # The rule about the daemon says that.
        return
    for one in refused:
        path, key = _where(patient, one.spec)
        yield Finding("images", f"{path}: {one}", one.answer.mend or key)
    if not refused:
        yield Finding("images")


def _where(patient: Patient, spec: ServiceSpec) -> tuple[str, str]:
    """What names the image of a service, and how to have another one named there."""
    config, name = patient.config, spec.declared
    if patient.lock and name in patient.lock.images:
        path = f"{locks.file_name(patient.stack)}: images.{name}"
        return path, f"./hearth upgrade {name} --stack {patient.stack}"
    own, prefix = f"hearth:images.{name}", "hearth:images.prefix"
    if name in config.images:
        path = own
    elif spec.image and spec.image.exact:
        path = f"hearth:services.{name}.image"
    elif config.images.get("prefix"):
        path = prefix
    else:
        # What the catalogue names can be had elsewhere.
        return f"hearth:services.{name}", f"name another one under {own}, or a mirror under {prefix}"
    return path, f"name one that exists under {path} in Pulumi.{patient.stack}.yaml"
