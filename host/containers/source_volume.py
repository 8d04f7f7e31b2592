"""``source-volume``: a directory of the owner's in a volume named by its content."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from typing import Any

from host import source, stdin
from host.containers import client
from host.containers.archives import MOUNTS
from host.containers.volume_files import require_own
from host.errors import HostError


def main(arguments: list[str]) -> str:
    """No arguments; ``{directory, digest, image, volume, labels, owner, uid}`` on stdin."""
    if arguments:
        raise HostError("usage: source-volume < document")
    return deliver(stdin.document("directory", "digest", "image", "volume", "uid"))


def deliver(document: dict[str, Any]) -> str:
    """Make the volume. Returns its name.

    Raises ``HostError`` when the daemon refuses or the directory is not what was planned with.
    """
    volume = document["volume"]
    archive = pack(source.read(document), document)
    with client.daemon() as daemon:
        client.drop_helpers(daemon, f"source-{volume}")
        daemon.volumes.create(volume, labels=document.get("labels") or {})
        require_own(daemon, [volume], document.get("owner") or {})
        helper = daemon.containers.create(
            document["image"],
            command=["true"],
            network_mode="none",
            labels={client.HELPER_LABEL: f"source-{volume}"},
            volumes={volume: {"bind": f"{MOUNTS}/{volume}", "mode": "rw"}},
        )
        try:
            helper.put_archive(MOUNTS, archive)
        finally:
            client.remove(helper)
    return volume


def pack(found: list[source.Item], document: Mapping[str, Any]) -> bytes:
    """A tar of the directory below the volume's name, for its reader alone."""
    buffer = io.BytesIO()
    volume, uid = document["volume"], document["uid"]

    def header(name: str, mode: int, kind: bytes) -> tarfile.TarInfo:
        info = tarfile.TarInfo(name)
        info.uid = info.gid = uid
        info.mode, info.type = mode, kind
        return info

    folders = {
        "/".join(item.path.split("/")[:depth]) for item in found for depth in range(item.path.count("/") + 1)
    }
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for folder in sorted(folders | {""}):
            archive.addfile(header(f"{volume}/{folder}".rstrip("/"), 0o750, tarfile.DIRTYPE))
        for item in found:
            info = header(f"{volume}/{item.path}", 0o500 if item.executable else 0o400, tarfile.REGTYPE)
            if item.link:
                info.type, info.linkname = tarfile.SYMTYPE, item.data.decode()
                archive.addfile(info)
            else:
                info.size = len(item.data)
                archive.addfile(info, io.BytesIO(item.data))
    return buffer.getvalue()
