"""Files and directories that survive a kill: whole old or whole new, never a part.

Modes are permission bits. Directories are opened without following links, because some of them
belong to service accounts while this runs as root.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from host.errors import HostError


def write(path: Path, data: bytes, *, mode: int, uid: int = -1, gid: int = -1) -> None:
    """Replace ``path`` atomically and durably. One writer at a time: callers hold a lock."""
    staged = path.with_name(f".{path.name}.new")
    staged.unlink(missing_ok=True)  # left by a kill
    descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fchown(descriptor, uid, gid)
        os.fchmod(descriptor, mode)
        os.fsync(descriptor)
    staged.replace(path)
    sync_directory(path.parent)


def remove(path: Path) -> None:
    """Delete a file durably; fine when it is not there."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        path.unlink()
        sync_directory(path.parent)


def read(path: Path) -> bytes | None:
    """The content, or None when there is no such file."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def directory(path: Path, *, mode: int, uid: int = -1, gid: int = -1) -> None:
    """Make a directory (and its parents, 0755) with this mode and owner.

    Raises ``HostError`` when something else is at ``path``.
    """
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=mode)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        raise HostError(
            f"{path}: must be a directory, not a link or a file ({error.strerror}); move it away"
        ) from error
    try:
        found = os.fstat(descriptor)
        if uid not in (-1, found.st_uid) or gid not in (-1, found.st_gid):
            os.fchown(descriptor, uid, gid)
        if stat.S_IMODE(found.st_mode) != mode:
            os.fchmod(descriptor, mode)
    finally:
        os.close(descriptor)


def difference(path: Path, *, mode: int, uid: int, gid: int, data: bytes | None = None) -> str | None:
    """How ``path`` differs from what it should be: ``missing``, ``content``, ``mode``, ``owner``, or None."""
    try:
        found = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return "missing"
    if data is not None and (not stat.S_ISREG(found.st_mode) or path.read_bytes() != data):
        return "content"
    if stat.S_IMODE(found.st_mode) != mode:
        return "mode"
    return "owner" if (found.st_uid, found.st_gid) != (uid, gid) else None


@contextlib.contextmanager
def locked(path: Path, busy: Exception | None = None) -> Iterator[None]:
    """Hold an advisory lock on ``path``; the kernel lets go of it when the process dies.

    Raises ``busy``, where that is given, instead of waiting for somebody else who holds it.
    """
    with path.open("a") as file:
        path.chmod(0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (fcntl.LOCK_NB if busy else 0))
        except BlockingIOError:
            assert busy
            raise busy from None
        yield
