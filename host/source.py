"""``source``: a copy of a directory of the owner's, named by its content, for a service to read.

An earlier copy is kept while the service that was applied last reads it, so that a rollback finds
it. What is made from the sources, or belongs to a checkout, is no part of them.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from host import accounts, files, notes, stdin
from host.errors import HostError

LEFT_OUT = frozenset({".git", ".venv", "__pycache__", ".pytest_cache", ".ruff_cache", ".DS_Store"})


@dataclass(frozen=True)
class Item:
    """A file or a symbolic link, by its path below the directory. ``data`` of a link is its target."""

    path: str
    data: bytes
    link: bool
    executable: bool


def main(arguments: list[str]) -> str:
    """No arguments; ``{directory, digest, path, home, account}`` on stdin."""
    if arguments:
        raise HostError("usage: source < document")
    return copy(stdin.document("directory", "digest", "path", "home"))


def items(directory: Path) -> Iterator[Item]:
    """Everything in a directory that counts, in a stable order. Raises ``OSError`` when it cannot be read."""
    if not directory.is_dir():
        raise NotADirectoryError(directory)
    for folder, folders, names in os.walk(directory, onerror=_raise):
        folders[:] = sorted(set(folders) - LEFT_OUT)
        links = [name for name in folders if (Path(folder) / name).is_symlink()]
        for name in sorted({*names, *links} - LEFT_OUT):
            path = Path(folder) / name
            relative = path.relative_to(directory).as_posix()
            if path.is_symlink():
                yield Item(relative, os.readlink(path).encode(), link=True, executable=False)
            elif path.is_file():
                executable = bool(path.stat().st_mode & stat.S_IXUSR)
                yield Item(relative, path.read_bytes(), link=False, executable=executable)


def digest(directory: Path) -> str:
    """What changes with the content. Raises ``OSError`` when it cannot be read."""
    found = hashlib.sha256()
    for item in items(directory):
        kind = f"{item.path}\0{int(item.link)}{int(item.executable)}\0{len(item.data)}\0"
        found.update(kind.encode())
        found.update(item.data)
    return found.hexdigest()[:16]


def read(document: dict[str, Any]) -> list[Item]:
    """The directory of a document. Raises ``HostError`` when it is not what was planned with."""
    directory = Path(document["directory"])
    try:
        if digest(directory) != document["digest"]:
            raise HostError(f"{directory}: changed since the plan was made; run it again")
        return list(items(directory))
    except OSError as error:
        raise HostError(f"{directory}: cannot be read: {error.strerror or error}") from None


def copy(document: dict[str, Any]) -> str:
    """Make the copy that the document names. Returns its path. Raises ``HostError`` when it cannot be."""
    target, home = Path(document["path"]), Path(document["home"])
    if target.parent != home / "source":
        raise HostError(f"{target}: a copy lies directly in {home / 'source'}")
    identity = accounts.ensure(document.get("account"))
    owner = {"uid": accounts.current().uid, "gid": identity.gid}
    files.directory(home, mode=0o750, **owner)
    files.directory(target.parent, mode=0o750, **owner)
    with files.locked(target.parent / ".lock"):
        if not intact(target, document["digest"]):
            _write(read(document), target, **owner)
        _prune(target, home)
    return str(target)


def intact(target: Path, wanted: str) -> bool:
    """Whether a copy is whole and unchanged."""
    try:
        return digest(target) == wanted
    except OSError:
        return False


def _raise(error: OSError) -> None:
    raise error


def _write(found: list[Item], target: Path, *, uid: int, gid: int) -> None:
    staged = target.with_name(f".{target.name}.new")
    for left in (staged, target):
        shutil.rmtree(left, ignore_errors=True)
    files.directory(staged, mode=0o750, uid=uid, gid=gid)
    for item in found:
        path = staged / item.path
        for parent in reversed(path.relative_to(staged).parents[:-1]):
            files.directory(staged / parent, mode=0o750, uid=uid, gid=gid)
        if item.link:
            path.symlink_to(item.data.decode())
        else:
            files.write(path, item.data, mode=0o550 if item.executable else 0o440, uid=uid, gid=gid)
    staged.rename(target)
    files.sync_directory(target.parent)


def _prune(target: Path, home: Path) -> None:
    known = notes.read(home)
    texts = [str(document.raw) for document in (known.applied, known.unfinished) if document]
    for path in target.parent.iterdir():
        if path.is_dir() and path != target and not any(str(path) in text for text in texts):
            shutil.rmtree(path)
