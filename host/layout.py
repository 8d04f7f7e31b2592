"""Directories and files of a service: who owns what, and writing them.

Where root runs this, the service's directory and those of its configuration belong to root and
are readable by the service's group; only what the service must write belongs to its account.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from host import accounts, files
from host.accounts import Identity, current
from host.documents import Document
from host.notes import Notes

SHARED_MODE = 0o750
# Whoever may read one directory in it must find it by a pattern; what else is in it lets nobody else in.
HOME_MODE = 0o755


def directories(document: Document, identity: Identity) -> Iterator[tuple[Path, int, int, int]]:
    """Every directory as (path, mode, uid, gid), parents first; a group that is not there is -1."""
    owner = current().uid
    held = {
        parent
        for file in document.files
        for parent in file.path.parents
        if document.home in (parent, *parent.parents)
    }
    held.add(document.home)
    for path in sorted(held):
        yield path, HOME_MODE if path == document.home else SHARED_MODE, owner, identity.gid
    for entry in document.directories:
        if entry.path not in held:
            uid, gid = (owner, current().gid) if entry.shared else (identity.uid, identity.gid)
            group = accounts.group(entry.group) if entry.group else gid
            yield entry.path, entry.mode, uid, -1 if group is None else group


def group_of(path: Path, document: Document, identity: Identity) -> int:
    """Units belong to the manager, everything else is for the service's group to read."""
    return current().gid if path == document.unit.path else identity.gid


def prepare(document: Document, identity: Identity) -> None:
    """Make the directories. Raises ``HostError`` when something else is in the place of one."""
    document.root.mkdir(mode=0o755, parents=True, exist_ok=True)
    document.unit.path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    for entry in document.directories:
        if entry.group:
            accounts.ensure_group(entry.group)
    for name in document.groups:
        accounts.join(str(document.account), name)
    for path, bits, uid, gid in directories(document, identity):
        files.directory(path, mode=bits, uid=uid, gid=gid)


def install(document: Document, identity: Identity, notes: Notes) -> None:
    """Make the files those of the document, and delete what earlier documents left."""
    for file in (*document.files, document.unit):
        group = group_of(file.path, document, identity)
        if files.difference(file.path, data=file.data, mode=file.mode, uid=current().uid, gid=group):
            files.write(file.path, file.data, mode=file.mode, uid=current().uid, gid=group)
    uninstall(notes.known_files - {file.path for file in (*document.files, document.unit)}, document.home)


def uninstall(paths: set[Path], home: Path) -> None:
    """Delete files, and the directories below the service's own that this leaves empty."""
    for path in paths:
        files.remove(path)
        for parent in path.parents:
            if home not in parent.parents:
                break
            with contextlib.suppress(OSError):
                parent.rmdir()
