"""Where backups are worked on: one at a time, in a directory that is empty before and after."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from components.backup import DIRECTORY
from host import files
from ops.errors import Failure
from ops.stopping import orderly


class Busy(Failure):
    """Somebody else works on this stack's backups."""


@contextlib.contextmanager
def working(root: Path) -> Iterator[Path]:
    """A private directory on the disk of the data, while nobody else works on this stack's backups.

    Raises ``Busy`` when somebody does. Being asked to stop (SIGTERM) ends the block in order, too.
    """
    home = root / DIRECTORY
    if not home.is_dir():
        raise Failure(f"{home}: not there; `pulumi up` makes it for a stack with hearth:backup")
    busy = Busy("another backup, restore or drill of this stack is under way")
    with orderly(lambda number: SystemExit(128 + number)), files.locked(home / "lock", busy):
        stage = home / "stage"
        # What a kill left.
        shutil.rmtree(stage, ignore_errors=True)
        files.directory(stage, mode=0o700)
        try:
            yield stage
        finally:
            shutil.rmtree(stage, ignore_errors=True)


def spoken(error: OSError) -> Failure:
    """An error of the disk as a sentence."""
    where = f"{error.filename}: " if error.filename else ""
    why = os.strerror(error.errno) if error.errno else str(error)
    return Failure(f"{where}{why}; older backups are as they were")
