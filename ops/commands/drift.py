"""``drift``: what changed on this machine behind the stack's back."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from ops.options import DEFAULT_STACK, Json, Stack


def command(
    stack: Stack = DEFAULT_STACK,
    repair: Annotated[bool, typer.Option("--repair", help="Put it right, then look again.")] = False,
    as_json: Json = False,
) -> None:
    """Compare files, processes and containers with the stack's state; fail when they differ."""
    from ops import drift, output

    findings = drift.inspect(stack)
    if findings and repair:
        for finding in findings:
            output.progress(f"{finding.service}: {finding}")
        drift.repair(stack, output.progress)
        findings = drift.inspect(stack)
    if as_json:
        output.data({"stack": stack, "findings": [asdict(finding) for finding in findings]})
    elif findings:
        rows = [(found.service, found.subject, found.problem) for found in findings]
        output.table(("service", "what", "detail"), rows)
    else:
        print(f"stack {stack}: this machine is as the state says")
    if findings:
        raise typer.Exit(1)
