"""Log files kept short where nothing else does: launchd appends to a job's file for ever.

A file that has grown is copied to ``NAME.1`` and cut to nothing, for its writers keep it open. They
append, as launchd opens it for them, so what they write next is at its beginning. Lines written between
the copy and the cut are lost. macOS has newsyslog(8) for this, which takes root and a file in ``/etc``.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

LARGEST = 10 * 1024**2
"""Bytes that a file may have before it is rotated."""
COPIES = 3


def rotate(directory: Path, largest: int = LARGEST) -> list[str]:
    """Rotate what is larger in ``directory``. Returns the names; none where there is no directory.

    The directory may belong to an account that is not trusted: no link is followed, and a file with
    another name elsewhere is left alone.
    """
    try:
        place = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return []
    try:
        return [
            name
            for name in sorted(os.listdir(place))
            if name.endswith(".log") and _rotated(place, name, largest)
        ]
    finally:
        os.close(place)


def _rotated(place: int, name: str, largest: int) -> bool:
    # Whatever lies in the way of a copy is its owner's doing; the logs of others are looked at all the same.
    with contextlib.suppress(OSError):
        return _cut(place, name, largest)
    return False


def _cut(place: int, name: str, largest: int) -> bool:
    """Whether ``name`` was copied and emptied."""
    with _opened(place, name) as log:
        if log is None:
            return False
        found = os.fstat(log)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1 or found.st_size <= largest:
            return False
        for number in range(COPIES - 1, 0, -1):
            with contextlib.suppress(FileNotFoundError):
                os.replace(f"{name}.{number}", f"{name}.{number + 1}", src_dir_fd=place, dst_dir_fd=place)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        copy = os.open(f"{name}.1", flags, stat.S_IMODE(found.st_mode), dir_fd=place)
        with os.fdopen(log, "rb", closefd=False) as source, os.fdopen(copy, "wb") as target:
            shutil.copyfileobj(source, target)
            os.fchown(copy, found.st_uid, found.st_gid)
        os.ftruncate(log, 0)
    return True


@contextlib.contextmanager
def _opened(place: int, name: str) -> Iterator[int | None]:
    try:
        # Without waiting: in the place of a log there could be a pipe.
        log = os.open(name, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=place)
    except OSError:
        yield None
        return
    try:
        yield log
    finally:
        os.close(log)
