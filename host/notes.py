"""What ``apply`` knows from its earlier runs: the document that answered last, and one under way.

Both lie in the service's directory, which root owns where root runs this: a service cannot
rewrite what a later rollback would put on disk.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from host import files
from host.documents import Document, parse


@dataclass(frozen=True)
class Notes:
    """``applied`` is known good; ``unfinished`` was begun and neither finished nor rolled back."""

    applied: Document | None = None
    tasks_done: bool = False
    unfinished: Document | None = None

    @property
    def known_files(self) -> set[Path]:
        """Every file that an earlier run may have written."""
        documents = [document for document in (self.applied, self.unfinished) if document]
        return {file.path for document in documents for file in (*document.files, document.unit)}


def read(home: Path) -> Notes:
    """The notes of a service; empty ones when there are none."""
    applied = _load(home / "applied.json")
    unfinished = _load(home / "applying.json")
    return Notes(
        applied=parse(applied["document"]) if applied else None,
        tasks_done=bool(applied and applied["tasks_done"]),
        unfinished=parse(unfinished["document"]) if unfinished else None,
    )


def begin(document: Document) -> None:
    """Say that the machine is about to change. Durable before anything else is."""
    _store(document.home / "applying.json", {"document": document.raw})


def finish(document: Document, *, tasks_done: bool) -> None:
    """Say that the document is true."""
    _store(document.home / "applied.json", {"document": document.raw, "tasks_done": tasks_done})
    files.remove(document.home / "applying.json")


def rolled_back(home: Path) -> None:
    """Say that ``applied`` is true again."""
    files.remove(home / "applying.json")


def forget(home: Path) -> None:
    """Drop all notes of a service."""
    for name in ("applying.json", "applied.json"):
        files.remove(home / name)


def _load(path: Path) -> dict | None:
    data = files.read(path)
    return json.loads(data) if data else None


def _store(path: Path, value: dict) -> None:
    files.write(path, json.dumps(value).encode(), mode=0o600)
