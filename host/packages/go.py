"""A program built from a Go tools module under ``toolchain/``."""

from __future__ import annotations

from pathlib import Path

from host.packages import gobuild, unpacked
from host.packages.request import Request, Unavailable


def provide(request: Request) -> dict[str, Path]:
    """Build, or take from the cache, and copy to where service accounts can read it.

    Raises ``Unavailable`` when there is no such module, no Go, or the build fails.
    """
    module = gobuild.module(str(request.go))
    built = gobuild.cache() / module.name / module.version
    try:
        return unpacked.copied(request, built, lambda: gobuild.build(module, built))
    except Unavailable as error:
        raise Unavailable(f"toolchain/{module.name} {error}") from error
