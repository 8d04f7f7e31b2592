"""Where backups are worked on: one at a time, in a directory that is empty before and after."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from components.backup import DIRECTORY
from host import files
from ops.errors import Failure
from ops.stopping import orderly

_OTHER = "another backup, restore or drill of this stack"


class Busy(Failure):
    """Somebody else works on this stack's backups."""


@contextlib.contextmanager
def working(root: Path, waiting: Callable[[str], None] | None = None) -> Iterator[Path]:
    """A private directory on the disk of the data, while nobody else works on this stack's backups.

    Raises ``Busy`` when somebody does; with ``waiting``, which is told so, waits for them instead. Being
    asked to stop (SIGTERM) ends the block in order, too.
    """
    home = root / DIRECTORY
    if not home.is_dir():
        raise Failure(f"{home}: not there; `pulumi up` makes it for a stack with hearth:backup")
    with contextlib.ExitStack() as held:
        held.enter_context(orderly(lambda number: SystemExit(128 + number)))
        try:
            held.enter_context(files.locked(home / "lock", Busy(f"{_OTHER} is under way")))
        except Busy:
            if waiting is None:
                raise
            waiting(f"waiting until {_OTHER} has ended")
            held.enter_context(files.locked(home / "lock"))
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
