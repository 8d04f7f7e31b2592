"""Files to and from volumes as tar archives.

The volumes are mounted below ``MOUNTS`` in a container that never starts. An archive for
``MOUNTS`` itself names each volume as a directory, which sets the owner of its root.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MOUNTS = "/hearth"
GENERATION = ".hearth-generation"


@dataclass(frozen=True)
class Entry:
    """A file: content and permission bits."""

    data: bytes
    mode: int


def pack(uid: int, volumes: Mapping[str, Mapping[str, Entry]], *, root_mode: int = 0o750) -> bytes:
    """A tar of ``{volume: {relative path: entry}}``, all owned by ``uid``, files in the order given."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for volume, entries in volumes.items():
            folders = {
                f"{volume}/{'/'.join(parts[:depth])}"
                for parts in (path.split("/") for path in entries)
                for depth in range(1, len(parts))
            }
            for folder in (volume, *sorted(folders)):
                header = _header(folder, uid, root_mode)
                header.type = tarfile.DIRTYPE
                archive.addfile(header)
            for path, entry in entries.items():
                header = _header(f"{volume}/{path}", uid, entry.mode)
                header.size = len(entry.data)
                archive.addfile(header, io.BytesIO(entry.data))
    return buffer.getvalue()


def unpack(container: Any, volume: str) -> dict[str, Entry]:
    """The files in a volume, by relative path."""
    chunks, _ = container.get_archive(f"{MOUNTS}/{volume}")
    found = {}
    with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
        for member in archive:
            if member.isfile():
                found[member.name.partition("/")[2]] = Entry(archive.extractfile(member).read(), member.mode)
    return found


def _header(name: str, uid: int, mode: int) -> tarfile.TarInfo:
    header = tarfile.TarInfo(name)
    header.uid = header.gid = uid
    header.mode = mode
    return header
