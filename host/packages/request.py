"""What ``package`` is asked for, and what a source answers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from host.errors import HostError

PROBE_SECONDS = 60


class Unavailable(Exception):
    """A source cannot provide the programs here. The message says why, and what would help."""


@dataclass(frozen=True)
class Request:
    """The fields of ``components.spec.Package``, with the data root and the service's name."""

    root: Path
    name: str
    programs: tuple[str, ...]
    helpers: tuple[str, ...]
    apt: tuple[str, ...]
    brew: tuple[str, ...]
    installer: str | None
    go: str | None
    cmake: str | None
    pypi: str | None
    pypi_bin: str | None
    venv: tuple[str, ...]
    npm: tuple[str, ...]
    scripts: Mapping[str, str]
    npm_scripts: tuple[str, ...]
    probe: tuple[str, ...]
    aliases: Mapping[str, str]
    locked: Mapping[str, Any] | None = None
    """``source``, ``versions`` and ``digests`` of the only packages that will do."""

    @property
    def digest(self) -> str:
        """Changes when the request does; a lock only says which of its answers will do."""
        fields = {name: value for name, value in vars(self).items() if name not in ("root", "locked")}
        return hashlib.sha256(json.dumps(fields, default=str, sort_keys=True).encode()).hexdigest()[:12]

    @property
    def links(self) -> Path:
        """Directory of the links to programs."""
        return self.root / "bin"

    @property
    def packages(self) -> Path:
        """Directory of what is unpacked or built here."""
        return self.root / "packages"


def parse(raw: Mapping[str, Any]) -> Request:
    """Read a document. Raises ``HostError`` when it asks for no program."""
    if not raw["programs"]:
        raise HostError(f"{raw['name']}: the document names no programs")
    many = {
        key: tuple(raw.get(key) or ())
        for key in ("programs", "helpers", "apt", "brew", "venv", "npm", "npm_scripts", "probe")
    }
    one = {key: raw.get(key) or None for key in ("installer", "go", "cmake", "pypi", "pypi_bin")}
    names = {key: dict(raw.get(key) or {}) for key in ("aliases", "scripts")}
    return Request(root=Path(raw["root"]), name=raw["name"], locked=raw.get("locked"), **names, **many, **one)
