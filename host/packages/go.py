"""A program built from a Go tools module under ``toolchain/``."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path

from host import files
from host.packages import gobuild, unpacked
from host.packages.identity import Identity
from host.packages.request import Request, Unavailable


def provide(request: Request) -> dict[str, Path]:
    """Build, or take from the cache, and copy to where service accounts can read it.

    Raises ``Unavailable`` when there is no such module, no Go, or the build fails.
    """
    module = gobuild.module(str(request.go))
    try:
        return unpacked.copied(request, module.built, lambda: gobuild.build(module))
    except Unavailable as error:
        raise Unavailable(f"toolchain/{module.name} {error}") from error


def offer(request: Request) -> Identity:
    """The version that the tools module requires. Raises ``Unavailable`` as ``provide`` does."""
    return _of(request, gobuild.module(str(request.go)).version)


def identity(request: Request, programs: Mapping[str, Path]) -> Identity:
    """What was built, with the sum that Go's own checksum database has of it where it is still required."""
    return _of(request, unpacked.version(request, programs).partition("+")[0])


def _of(request: Request, version: str) -> Identity:
    sums = (files.read(gobuild.MODULES / str(request.go) / "go.sum") or b"").decode().splitlines()
    required = (files.read(gobuild.MODULES / str(request.go) / "go.mod") or b"").decode().split()
    for line in sums:
        module, number, text = line.split()
        if number == f"v{version}" and module in required:
            # As other digests are written: go.sum has the same SHA-256 in base 64.
            known = base64.b64decode(text.removeprefix("h1:")).hex()
            return Identity("go", {module: version}, {module: f"sha256:{known}"})
    return Identity("go", {str(request.go): version})
