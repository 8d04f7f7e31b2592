"""``doctor``: what this machine lacks for the stack."""

from __future__ import annotations

from dataclasses import asdict

import typer

from ops.options import DEFAULT_STACK, Json, Stack


def command(stack: Stack = DEFAULT_STACK, as_json: Json = False) -> None:
    """Check the runtime, disks, ports, permissions, limits, clock, secrets and backups; say what mends each.

    Fails when anything is wrong. Changes nothing.
    """
    from ops import doctor, output, stacks

    config = stacks.configured(stack)
    findings = doctor.examine(doctor.Patient(stack, config, stacks.root(stack, config)))
    if as_json:
        output.data({"stack": stack, "findings": [asdict(finding) for finding in findings]})
    else:
        rows = [(found.check, found.problem or "fine", found.mend) for found in findings]
        output.table(("check", "finding", "mend it with"), rows)
    if any(finding.problem for finding in findings):
        raise typer.Exit(1)
