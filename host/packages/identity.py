"""Which packages programs are of: source, versions, and the digests that the source publishes."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

from host.packages import search
from host.packages.request import Request

_CELLAR = "Cellar"


@dataclass(frozen=True)
class Identity:
    """``versions`` by the names that ``source`` has for its packages; ``digests`` where it publishes some."""

    source: str
    versions: Mapping[str, str]
    digests: Mapping[str, str] = field(default_factory=dict)

    def allows(self, other: Identity) -> bool:
        """Whether ``other`` is what a lock with this identity means; an unknown digest is no reason."""
        return (
            self.source == other.source
            and all(other.versions.get(name) == version for name, version in self.versions.items())
            and all(other.digests.get(name, digest) == digest for name, digest in self.digests.items())
        )

    def __str__(self) -> str:
        return ", ".join(f"{name} {version}" for name, version in self.versions.items())


def of(request: Request, programs: Mapping[str, Path], source: str) -> Identity:
    """Of programs that ``source`` gave: a module here, or a directory of this machine."""
    if source in ("apt", "brew") or source.startswith("/"):
        return _of_the_machine(request, programs)
    return import_module(f"host.packages.{source}").identity(request, programs)


def _of_the_machine(request: Request, programs: Mapping[str, Path]) -> Identity:
    paths = [path.resolve() for path in programs.values()]
    kegs = [path.parts[path.parts.index(_CELLAR) + 1 :] for path in paths if _CELLAR in path.parts]
    if kegs:
        return Identity("brew", {keg[0]: keg[1] for keg in kegs})
    owners = [_owner(path) for path in paths]
    if owners and all(owners):
        return Identity("apt", installed({*request.apt, *map(str, owners)}))
    return Identity(
        "path",
        {program: str(path.resolve()) for program, path in programs.items()},
        {program: sha256(path) for program, path in programs.items()},
    )


def sha256(path: Path) -> str:
    """``sha256:`` and the hash of a file."""
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def _owner(path: Path) -> str | None:
    """The Debian package that a file is of."""
    if not search.executable("dpkg-query"):
        return None
    # Debian still lists some under the names that they had before /bin became a link.
    for name in (str(path), str(path).removeprefix("/usr")):
        found = said("dpkg-query", "--search", name)
        if found:
            return found.partition(":")[0]
    return None


def installed(names: Iterable[str]) -> dict[str, str]:
    """Debian packages that are installed, with their versions."""
    words = ("dpkg-query", "--show", "--showformat", "${Package} ${Version} ${db:Status-Status}\\n")
    rows = [line.split() for line in said(*words, *sorted(names)).splitlines()]
    return {row[0]: row[1] for row in rows if len(row) == 3 and row[2] == "installed"}


def said(*argv: str) -> str:
    """What a command prints, its errors left out."""
    done = subprocess.run(
        argv, capture_output=True, text=True, check=False, env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"}
    )
    return done.stdout
