"""The last lines that a service wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

LINES = 20
TAIL_BYTES = 16384


class HasLog(Protocol):
    """A manager that may keep logs of its own."""

    def log(self, lines: int) -> list[str]:
        """The last lines, oldest first."""
        ...


def tail(home: Path, manager: HasLog) -> str:
    """A paragraph with the last lines: of the newest file under ``log/``, else what the manager kept."""
    lines = _newest(home / "log") or manager.log(LINES)
    return (
        "".join(["\nIts last log lines:", *(f"\n  {line}" for line in lines[-LINES:])])
        if lines
        else "\nIt logged nothing."
    )


def _newest(directory: Path) -> list[str]:
    candidates = (
        [path for path in directory.glob("*") if path.is_file() and path.stat().st_size]
        if directory.is_dir()
        else []
    )
    if not candidates:
        return []
    with max(candidates, key=lambda path: path.stat().st_mtime).open("rb") as file:
        file.seek(max(0, file.seek(0, 2) - TAIL_BYTES))
        return file.read().decode(errors="replace").splitlines()[-LINES:]
