"""The second repository, which has a verified copy of each backup."""

from __future__ import annotations

from pathlib import Path

from ops.backup import known
from ops.backup.capture import Progress
from ops.backup.manifest import Manifest
from ops.backup.places import Place
from ops.backup.repository import Snapshot
from ops.backup.target import Target


def copy(
    target: Target,
    snapshot: Snapshot,
    taken: Manifest,
    scratch: Path,
    progress: Progress,
    *,
    anew: bool = False,
) -> Snapshot:
    """Copy a complete backup, read the copy back, let go of those that are too old. Returns the copy.

    Raises ``Failure`` when no complete copy came of it; older ones are as they were.
    """
    repository = target.repository(scratch, Place.SECOND)
    progress(f"{repository.location}: copying to it")
    known.opened(target.root, repository, anew=anew)
    pending = repository.copied(snapshot)
    made = known.accepted(target.root, repository, pending, taken, progress)
    known.thinned_out(
        target.root, repository, target.settings.copy_keep_daily, target.settings.copy_keep_weekly
    )
    return made
