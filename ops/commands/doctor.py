"""``doctor``: what this machine lacks for the stack."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from ops.options import DEFAULT_STACK, Json, Stack


def command(
    stack: Stack = DEFAULT_STACK,
    before_up: Annotated[
        bool,
        typer.Option("--before-up", help="Only what can be told before a deployment, and would spoil it."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Check runtime, images, disks, ports, permissions, limits, clock, secrets, backups; say what mends each.

    Fails when anything is wrong. Changes nothing.
    """
    from components.errors import ConfigurationError
    from host import declared
    from ops import output, stacks
    from ops.doctor import examination
    from ops.errors import Failure

    config = stacks.configured(stack)
    try:
        lock = declared.read_lock(stack)
    except ConfigurationError as error:
        raise Failure(str(error)) from None
    root = stacks.root(stack, config)
    patient = examination.Patient(stack, config, root, deployed=not before_up, lock=lock)
    findings = examination.before_up(patient) if before_up else examination.examine(patient)
    if as_json:
        output.data({"stack": stack, "findings": [asdict(finding) for finding in findings]})
    elif before_up:
        for found in findings:
            word = "refused" if found.refuses else "warning"
            output.progress(f"{word}: {found.check}: {found.problem}; mend it with: {found.mend}")
    else:
        rows = [(found.check, found.problem or "fine", found.mend) for found in findings]
        output.table(("check", "finding", "mend it with"), rows)
    if any(found.refuses if before_up else found.problem for found in findings):
        raise typer.Exit(1)
