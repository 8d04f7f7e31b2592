"""Whoever runs the services can be reached."""

from __future__ import annotations

from collections.abc import Iterator

from host.errors import HostError
from ops.doctor.examination import Finding, Patient

BEFORE_UP = "refuse"


def look(patient: Patient) -> Iterator[Finding]:
    """The daemon or manager; a stack's own supervisord only once `up` has started it."""
    runtime = patient.config.runtime
    if runtime == "supervisord":
        yield from _supervisord(patient)
        return
    try:
        if patient.config.containers:
            from host.containers.client import daemon

            with daemon() as client:
                client.ping()
        else:
            from host import managers

            scope = getattr(patient.config, runtime).scope
            unit = managers.default_unit(runtime, patient.root, "doctor", scope)
            managers.make(runtime, patient.root, "doctor", scope, unit).status()
    except HostError as error:
        mend = "sudo systemctl start docker" if patient.config.containers else "see the finding"
        yield Finding(runtime, str(error), mend)
    else:
        yield Finding(runtime)


def _supervisord(patient: Patient) -> Iterator[Finding]:
    from host.managers.daemon import connect

    if not patient.deployed:
        return
    if connect(patient.root) is None:
        mend = f"./hearth drift --repair --stack {patient.stack}"
        yield Finding("supervisord", "the stack's supervisord does not run", mend)
    else:
        yield Finding("supervisord")
