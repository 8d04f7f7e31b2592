"""What a purge deletes: data that outlived its service, of one stack, on this machine."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ops.errors import Failure

# What the stack as a whole keeps beside the directories of its services.
_COMMON = ("supervisor", "drill", "watch", "watchdog", "packages", "bin", "secrets", "deployments")
# ``host`` takes one of these locks before it does anything in a service's directory.
_MARKS = (".lock", ".secrets.lock")
# The password of the backups is in the second; they are there to outlive a purge.
_KEPT = ("lost+found", "backup")


@dataclass(frozen=True)
class Target:
    """One directory, or one Docker volume, with everything in it. ``size`` in bytes."""

    kind: str
    name: str
    size: int


@dataclass(frozen=True)
class Root:
    """The directory of a stack, with what was found in it."""

    path: Path
    homes: Sequence[str] = field(default=())
    common: Sequence[str] = field(default=())

    def data(self, services: Iterable[str]) -> list[Target]:
        """The data directories of services."""
        paths = [self.path / service / "data" for service in services if service in self.homes]
        return [_directory(path) for path in paths if _is_directory(path)]

    def everything(self) -> list[Target]:
        """All that is there, secrets and programs included."""
        return [_directory(self.path / name) for name in (*self.homes, *self.common)]


def read_root(path: Path) -> Root:
    """What is in a stack's directory. Raises ``Failure`` for a directory that does not look like one."""
    if not path.exists() and not path.is_symlink():
        return Root(path)
    if not _is_directory(path):
        raise Failure(f"{path}: is a link, or no directory; nothing was deleted. Correct hearth:data")
    homes, common, strangers = [], [], []
    for entry in sorted(path.iterdir()):
        if entry.name in _COMMON and _is_directory(entry):
            common.append(entry.name)
        elif _is_directory(entry) and any((entry / mark).is_file() for mark in _MARKS):
            homes.append(entry.name)
        elif entry.name not in _KEPT:
            strangers.append(entry.name)
    if strangers:
        raise Failure(
            f"{path}: holds {', '.join(strangers[:3])}, which Hearth did not put there, so it may be no "
            "stack's directory; nothing was deleted. Move that away, or correct hearth:data"
        )
    return Root(path, homes, common)


def delete_directory(path: Path) -> None:
    """Delete a directory; links in it are deleted, and never followed."""
    if not _is_directory(path):
        raise Failure(f"{path}: is no directory any more; nothing of it was deleted")
    try:
        shutil.rmtree(path)
    except OSError as error:
        why = f"{error.filename}: {error.strerror}"
        raise Failure(f"{why}; run this as the user who deployed the stack") from None


def drop_if_empty(root: Path) -> None:
    """Delete the stack's directory itself once nothing is left in it."""
    if root.is_dir() and not any(root.iterdir()):
        root.rmdir()


def _is_directory(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except OSError:
        return False


def _directory(path: Path) -> Target:
    size = 0
    for folder, _, names in os.walk(path):
        for name in names:
            try:
                # What it takes on the disk: files of databases may have holes.
                size += os.lstat(f"{folder}/{name}").st_blocks * 512
            except FileNotFoundError:
                continue
    return Target("directory", str(path), size)
