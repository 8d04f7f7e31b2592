"""Which backups each repository has, as this machine knows it: what is damaged there may hide one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from components.backup import DIRECTORY
from host import files
from ops.backup import reading
from ops.backup.capture import Progress
from ops.backup.manifest import Manifest
from ops.backup.repository import Repository, Snapshot, Stored
from ops.errors import Failure


def opened(root: Path, repository: Repository, *, anew: bool = False) -> Repository:
    """The repository, opened. ``anew``: made where one was and is gone.

    Raises ``Failure`` where one had backups and is gone: a disk that is not mounted is no new place.
    """
    there = _read(root).get(repository.location, [])
    if there and not anew and not repository.exists():
        raise Failure(
            f"{repository.location}: the repository is gone, and {len(there)} backups were in it; mount its "
            "disk, or have a new one begun with ./hearth backup --new-repository"
        )
    repository.open(there)
    return repository


def note(root: Path, location: str, snapshots: Sequence[Snapshot]) -> None:
    """From now on these are there, and no others need be."""
    known = {**_read(root), location: [one.id for one in snapshots]}
    files.write(_path(root), json.dumps(known).encode(), mode=0o600)


def accepted(
    root: Path, repository: Repository, pending: Stored, taken: Manifest, progress: Progress
) -> Snapshot:
    """A backup that was stored, from now on complete: it was read back. Raises ``Failure`` else."""
    progress(f"{repository.location}: reading it back")
    repository.check()
    reading.verify(repository, pending, taken)
    snapshot = repository.complete(pending)
    # Of the others nobody knows until they are thinned out.
    note(root, repository.location, [snapshot])
    return snapshot


def thinned_out(root: Path, repository: Repository, daily: int, weekly: int) -> list[Snapshot]:
    """Let go of those that are too old. Returns what is left."""
    left = repository.thin_out(daily, weekly)
    note(root, repository.location, left)
    return left


def require(root: Path, location: str, found: Sequence[Snapshot]) -> None:
    """Raise ``Failure`` when one that was there is not among ``found``."""
    there = {one.id for one in found}
    missing = [each for each in _read(root).get(location, []) if each not in there]
    if missing:
        raise Failure(
            f"backup {missing[-1][:8]} is not in the repository any more; it is damaged, or another one: "
            "./hearth backups lists those that are there, and --snapshot ID takes one of them"
        )


def _read(root: Path) -> dict[str, list[str]]:
    return json.loads(files.read(_path(root)) or b"{}")


def _path(root: Path) -> Path:
    return root / DIRECTORY / "known.json"
