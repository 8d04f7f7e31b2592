"""What a stack's health monitoring has told, by a command and by a webhook."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

_COLLECTOR = "import sys; open(sys.argv[1], 'a').write(sys.stdin.read() + '\\n')"


class Told:
    """Everything that the stack's channels were told of: (kind, subject, event) in order, by channel."""

    def __init__(self, directory: Path) -> None:
        self.file = directory / "told"
        self.command = [sys.executable, "-c", _COLLECTOR, str(self.file)]
        self.posted: list[dict[str, Any]] = []

    def by_command(self) -> list[dict[str, Any]]:
        """What the command got."""
        return [json.loads(line) for line in self.file.read_text().splitlines()] if self.file.exists() else []

    def events(self, kind: str, subject: str) -> dict[str, list[str]]:
        """The events of one thing, by channel."""
        found = {"command": self.by_command(), "webhook": list(self.posted)}
        return {
            name: [one["event"] for one in all_of if (one["kind"], one["subject"]) == (kind, subject)]
            for name, all_of in found.items()
        }

    def both(self, kind: str, subject: str, *events: str) -> bool:
        """Whether both channels were told exactly these."""
        return self.events(kind, subject) == {"command": list(events), "webhook": list(events)}
