"""A report for a terminal."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from components.units import format_bytes
from ops import output
from ops.status import ago

if TYPE_CHECKING:
    from rich.console import RenderableType

    from ops.status import Condition, Report

_COLUMNS = ("service", "state", "memory", "restarts", "version", "address", "last backup", "last drill")


def of(report: Report) -> RenderableType:
    """The table, and a line for everything that is refused, degraded or not enforced."""
    from rich.console import Group
    from rich.text import Text

    clock = time.strftime("%H:%M:%S", time.localtime(report.time))
    return Group(
        Text(f"stack {report.stack} under {report.runtime} at {clock}"),
        output.rows(_COLUMNS, [_row(one) for one in report.services]),
        *(Text(line) for line in _lines(report)),
    )


def _row(one: Condition) -> tuple[str, ...]:
    return (
        one.service,
        one.state,
        f"{format_bytes(one.memory)} of {format_bytes(one.limit)}" if one.memory is not None else "-",
        "-" if one.restarts is None else str(one.restarts),
        one.version or "-",
        one.url or one.address or "-",
        ago(one.backup),
        ago(one.drill),
    )


def _lines(report: Report) -> Iterator[str]:
    yield from (f"refused: {line}" for line in report.refused)
    yield from (f"degraded: {line}" for line in report.degraded)
    yield from (f"note: {line}" for line in report.notes)
