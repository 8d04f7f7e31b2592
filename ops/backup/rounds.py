"""Which services a drill restores at the same time: no more than there is memory for beside what runs."""

from __future__ import annotations

from collections.abc import Sequence

from components.units import format_bytes
from ops.backup.scratch import with_needs
from ops.backup.target import Target
from ops.errors import Failure


def rounds(target: Target, services: Sequence[str], free: int) -> list[list[str]]:
    """``services`` in their order, a list a round; what runs in a round is allowed at most ``free`` bytes.

    Raises ``Failure`` where one alone, with what it needs, is allowed more.
    """
    found: list[list[str]] = [[]]
    for service in services:
        if _allowed(target, [*found[-1], service]) > free and found[-1]:
            found.append([])
        found[-1].append(service)
        if (allowed := _allowed(target, found[-1])) > free:
            raise Failure(
                f"{service}: a drill may take {format_bytes(allowed)} for it beside what runs, and "
                f"{format_bytes(free)} of memory are free; free some, or lower its memory, and repeat it"
            )
    return found


def _allowed(target: Target, services: Sequence[str]) -> int:
    wanted = with_needs(target, services)
    return sum(spec.resources.memory for spec in target.plan.services if spec.declared in wanted)
