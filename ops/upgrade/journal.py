"""What is under way: written before anything changes, so that whoever comes after a kill can undo it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from components.deployments import DIRECTORY
from host import files
from host.deployments import UNDER_WAY
from ops.errors import Failure


@dataclass(frozen=True)
class Journal:
    """What to go back to."""

    what: str
    """What was being done, for the person who waits."""
    file: str
    """The stack's file as it was deployed."""
    lock: Mapping[str, Any]
    """What really ran."""
    project: str | None = None
    """The file in the project's directory, where it is replaced as well."""
    project_lock: str | None = None
    """The lock there, if there was one."""
    snapshot: str | None = None
    """The backup of just before."""
    services: tuple[str, ...] = ()
    """Those whose data is in it and may have been touched by other programs."""
    moves: Mapping[str, list[str]] = field(default_factory=dict)
    """Service to the versions of its data's format: before, and after."""
    done: bool = False
    """All services answered: there is nothing to undo, only something to tidy up."""


@contextlib.contextmanager
def alone(root: Path) -> Iterator[None]:
    """While the block lasts nobody else upgrades the stack or rolls it back.

    Raises ``Failure`` when somebody does.
    """
    files.directory(root / DIRECTORY, mode=0o700)
    busy = Failure("another upgrade or rollback of this stack is under way")
    with files.locked(root / DIRECTORY / ".upgrade.lock", busy):
        yield


def read(root: Path) -> Journal | None:
    """What an earlier run has left."""
    text = files.read(_path(root))
    if text is None:
        return None
    raw = json.loads(text)
    return Journal(**{**raw, "services": tuple(raw["services"])})


def write(root: Path, journal: Journal) -> None:
    """Say what is under way. Durable before anything else is done."""
    files.write(_path(root), json.dumps(asdict(journal)).encode(), mode=0o600)


def clear(root: Path) -> None:
    """Say that nothing is."""
    files.remove(_path(root))


def _path(root: Path) -> Path:
    return root / DIRECTORY / UNDER_WAY
