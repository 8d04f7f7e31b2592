"""Where backups are worked on: one at a time, in a directory that is empty before and after."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from components.backup import DIRECTORY
from host import files
from ops.errors import Failure


@contextlib.contextmanager
def working(root: Path) -> Iterator[Path]:
    """A private directory on the disk of the data, while nobody else works on this stack's backups.

    Raises ``Failure`` when somebody does. Being asked to stop (SIGTERM) ends the block in order, too.
    """
    home = root / DIRECTORY
    if not home.is_dir():
        raise Failure(f"{home}: not there; `pulumi up` makes it for a stack with hearth:backup")
    with (home / "lock").open("a") as lock, _orderly():
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Failure("another backup, restore or drill of this stack is under way") from None
        stage = home / "stage"
        # What a kill left.
        shutil.rmtree(stage, ignore_errors=True)
        files.directory(stage, mode=0o700)
        try:
            yield stage
        finally:
            shutil.rmtree(stage, ignore_errors=True)


@contextlib.contextmanager
def _orderly() -> Iterator[None]:
    def stop(number: int, frame: object) -> NoReturn:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def spoken(error: OSError) -> Failure:
    """An error of the disk as a sentence."""
    where = f"{error.filename}: " if error.filename else ""
    return Failure(f"{where}{os.strerror(error.errno or 0)}; older backups are as they were")
