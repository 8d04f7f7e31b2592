"""``volume-files``: put files into a volume, give volumes to an account, and check the configuration.

No container of the service runs while this happens: a helper is created and never started.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from host import stdin
from host.containers import check, client
from host.containers.archives import GENERATION, MOUNTS, Entry, pack, unpack
from host.errors import HostError


def main(arguments: list[str]) -> str:
    """No arguments; ``{image, volume, labels, uid, files, owned, check}`` on stdin."""
    if arguments:
        raise HostError("usage: volume-files < document")
    return deliver(stdin.document("image", "uid"))


def deliver(document: Mapping[str, Any]) -> str:
    """Deliver, then check. Returns the generation: random, and another one exactly when a content changed.

    Raises ``HostError`` when the daemon refuses, or with the output of a check that fails.
    """
    wanted = {
        _relative(file["path"]): Entry(file["content"].encode(), stdin.mode(file.get("mode", 0o400)))
        for file in document.get("files", ())
    }
    volume, owned = document.get("volume"), [entry["volume"] for entry in document.get("owned") or ()]
    purpose = f"files-{volume or '-'.join(owned)}"
    with client.daemon() as daemon:
        client.drop_helpers(daemon, purpose)
        if volume and document.get("labels"):
            daemon.volumes.create(volume, labels=document["labels"])
        names = list(dict.fromkeys([*([volume] if volume else []), *owned]))
        require_own(daemon, names, document.get("owner") or {})
        helper = daemon.containers.create(
            document["image"],
            command=["true"],
            network_mode="none",
            labels={client.HELPER_LABEL: purpose},
            volumes={name: {"bind": f"{MOUNTS}/{name}", "mode": "rw"} for name in names},
        )
        try:
            generation = _fill(helper, volume, document["uid"], wanted) if volume else ""
            if owned:
                helper.put_archive(
                    MOUNTS, pack(document["uid"], {name: {} for name in owned}, root_mode=0o700)
                )
        finally:
            client.remove(helper)
        if document.get("check"):
            check.run(daemon, document["image"], volume or owned[0], document["check"])
    return generation or "owned"


def _fill(helper: Any, volume: str, uid: int, wanted: Mapping[str, Entry]) -> str:
    found = unpack(helper, volume)
    generation = found.pop(GENERATION, Entry(b"", 0)).data.decode()
    # A container that does not run can be given files, and not be made to delete any: a file
    # that is no longer wanted is emptied, and nobody but its owner may read what is not there.
    stale = {path: Entry(b"", 0o400) for path, entry in found.items() if path not in wanted and entry.data}
    if (
        not generation
        or stale
        or {path: entry.data for path, entry in wanted.items()}
        != {path: found[path].data for path in wanted if path in found}
    ):
        generation = secrets.token_hex(8)
    # The generation comes first: a delivery cut short has announced its change already.
    entries = {GENERATION: Entry(generation.encode(), 0o400), **wanted, **stale}
    helper.put_archive(MOUNTS, pack(uid, {volume: entries}))
    return generation


def require_own(daemon: Any, names: list[str], owner: Mapping[str, str]) -> None:
    """Refuse volumes that another stack or service has labelled: their names may fall together."""
    labels = {volume.name: volume.attrs.get("Labels") or {} for volume in daemon.volumes.list()}
    for name in names:
        found = labels.get(name, {})
        others = {key: found[key] for key in owner if found.get(key, owner[key]) != owner[key]}
        if others:
            whose = ", ".join(f"{key}={value}" for key, value in sorted(others.items()))
            raise HostError(
                f"volume {name} belongs to {whose}; nothing was changed. Give the service another name"
            )


def _relative(path: str) -> str:
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or str(pure) in (".", GENERATION):
        raise HostError(f"file {path!r}: must be a path inside the volume")
    return str(pure)
