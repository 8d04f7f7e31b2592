"""``health``: whether anything is too much, silent or damaged."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from ops.options import DEFAULT_STACK, Json, Stack

if TYPE_CHECKING:
    from ops.measuring import Figures


def command(stack: Stack = DEFAULT_STACK, as_json: Json = False) -> None:
    """Look at memory, CPU, disks, answers and data against hearth:health; its defaults where there is none.

    Fails when anything is wrong. Changes nothing and alerts nobody: the stack's own schedule does.
    """
    from ops import output, watching

    found = watching.by_hand(stack)
    unchecked = {name: one.unchecked for name, one in found.data.items() if one.unchecked}
    if as_json:
        findings = [asdict(one) for one in found.findings]
        output.data({"stack": stack, **asdict(found.figures), "findings": findings, "unchecked": unchecked})
    else:
        output.table(("what", "taken"), _rows(found.figures))
        for name, why in unchecked.items():
            print(f"unchecked: data of {name}: {why}")
        for one in found.findings:
            print(f"{one.kind}: {one.text}")
        if not found.findings:
            print("all is well")
    if found.findings:
        raise typer.Exit(1)


def _rows(figures: Figures) -> list[tuple[str, str]]:
    shown = {"memory": figures.memory, "cpu": figures.cpu}
    shown |= {f"disk of {path}": taken for path, taken in figures.disks.items()}
    return [(what, f"{taken:.0f} %") for what, taken in shown.items()]
