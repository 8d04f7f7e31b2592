"""What a backup says of itself, in ``manifest.json`` inside it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import IO, Any

from ops.errors import Failure

NAME = "manifest.json"
FORMAT = 1
DATA = "data.tar"
"""The data directory of a service, of a policy with ``files``."""
_CHUNK = 1024**2


@dataclass(frozen=True)
class Kept:
    """One file of a service. ``capture`` names the policy's part that it is of, ``item`` which one."""

    path: str
    size: int
    sha256: str
    capture: str | None = None
    item: str | None = None
    tally: tuple[str, ...] = ()
    """What is in it, a line a fact."""


@dataclass(frozen=True)
class Part:
    """One service in a backup."""

    kind: str
    files: tuple[Kept, ...]
    seconds: float

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return sum(kept.size for kept in self.files)


@dataclass(frozen=True)
class Manifest:
    """A whole backup. ``own`` are the stack's own files: configuration, state, secrets."""

    stack: str
    runtime: str
    services: Mapping[str, Part]
    own: tuple[Kept, ...]
    format: int = field(default=FORMAT)

    @property
    def files(self) -> dict[str, Kept]:
        """Every file by its path in the backup."""
        kept = {item.path: item for part in self.services.values() for item in part.files}
        return kept | {item.path: item for item in self.own}

    def text(self) -> str:
        """As it is stored."""
        return json.dumps(asdict(self), indent=1)


def read(text: bytes) -> Manifest:
    """The manifest of a backup. Raises ``Failure`` when it is none, or of another format."""
    try:
        raw = json.loads(text)
        if raw["format"] != FORMAT:
            raise Failure(f"the backup has format {raw['format']}, made by another version of Hearth")
        services = {
            name: Part(part["kind"], tuple(_kept(item) for item in part["files"]), part["seconds"])
            for name, part in raw["services"].items()
        }
        own = tuple(_kept(item) for item in raw["own"])
        return Manifest(raw["stack"], raw["runtime"], services, own)
    except (ValueError, KeyError, TypeError):
        raise Failure("the backup's manifest cannot be read; choose another backup") from None


def _kept(raw: Mapping[str, Any]) -> Kept:
    return Kept(**{**raw, "tally": tuple(raw["tally"])})


def measure(file: IO[bytes]) -> tuple[int, str]:
    """Size in bytes and SHA-256 of what is left to read."""
    size, digest = 0, hashlib.sha256()
    while chunk := file.read(_CHUNK):
        size += len(chunk)
        digest.update(chunk)
    return size, digest.hexdigest()
