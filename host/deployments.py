"""``deployment``: a number for what has just been deployed, and what it was made from."""

from __future__ import annotations

import getpass
import json
import os
import time
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from components.deployments import DIRECTORY
from host import files
from host.errors import HostError
from host.stdin import document as read_document

UNDER_WAY = "under-way.json"
"""What an upgrade or a rollback notes while it lasts; see ``ops.upgrade.journal``."""


@dataclass(frozen=True)
class Deployment:
    """One that answered. ``time`` in seconds since 1970, ``by`` is an account of this machine."""

    number: int
    time: float
    by: str
    file: str
    lock: dict[str, Any] | None
    formats: Mapping[str, str] = field(default_factory=dict)
    """Service to the format of its data, where other programs could not read it."""


def main(arguments: list[str]) -> str:
    """No arguments; the document ``{root, stack, file, lock?, formats}`` on stdin."""
    if arguments:
        raise HostError("usage: deployment < document")
    raw = read_document("root", "stack", "file")
    made = record(Path(raw["root"]), raw["file"], raw.get("lock"), raw.get("formats") or {})
    return f"deployment {made.number}"


def record(
    root: Path, file: str, lock: dict[str, Any] | None, formats: Mapping[str, str] | None = None
) -> Deployment:
    """Note a deployment; one that is as the last one has no number of its own."""
    formats = formats or {}
    directory = root / DIRECTORY
    files.directory(directory, mode=0o700)
    with files.locked(directory / ".record.lock"):
        known = read(root)
        if known and (known[-1].file, known[-1].lock) == (file, lock):
            return _written(directory, replace(known[-1], formats=formats))
        number = known[-1].number + 1 if known else 1
        # Who asked for root's rights, where somebody did.
        by = os.environ.get("SUDO_USER") or getpass.getuser()
        return _written(directory, Deployment(number, round(time.time(), 1), by, file, lock, formats))


def _written(directory: Path, made: Deployment) -> Deployment:
    files.write(directory / f"{made.number}.json", json.dumps(asdict(made)).encode(), mode=0o600)
    return made


def formats(root: Path) -> dict[str, frozenset[str]]:
    """Service to the formats that its data may have: that of the last deployment, and what it moves to."""
    known = read(root)
    found = {name: {version} for name, version in (known[-1].formats if known else {}).items()}
    under_way = json.loads(files.read(root / DIRECTORY / UNDER_WAY) or b"{}")
    for name, versions in under_way.get("moves", {}).items():
        found.setdefault(name, set()).update(versions)
    return {name: frozenset(versions) for name, versions in found.items()}


def forget(root: Path, services: Collection[str]) -> None:
    """Let services whose data was deleted begin with data of any format."""
    for last in read(root)[-1:]:
        left = {name: version for name, version in last.formats.items() if name not in services}
        _written(root / DIRECTORY, replace(last, formats=left))


def read(root: Path) -> list[Deployment]:
    """Every deployment on record, oldest first. Raises ``HostError`` for a file that is none."""
    found = []
    for path in (root / DIRECTORY).glob("[0-9]*.json"):
        try:
            found.append(Deployment(**json.loads(path.read_bytes())))
        except (ValueError, TypeError):
            raise HostError(f"{path}: is no record of a deployment; move it away") from None
    return sorted(found, key=lambda one: one.number)
