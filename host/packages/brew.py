"""Homebrew formulae."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from host.packages import search
from host.packages.request import Request, Unavailable
from host.stdin import progress


def provide(request: Request) -> dict[str, Path]:
    """Install the formulae; their services are not started.

    Raises ``Unavailable`` without Homebrew or as root.
    """
    brew = search.executable("brew")
    if not brew:
        raise Unavailable("no Homebrew here")
    if os.geteuid() == 0:
        raise Unavailable(
            f"Homebrew refuses root; run `brew install {' '.join(request.brew)}` as its owner, then this"
        )
    progress(f"{request.name}: brew install {' '.join(request.brew)}")
    done = subprocess.run(
        [brew, "install", "--quiet", *request.brew],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env=dict(os.environ, HOMEBREW_NO_AUTO_UPDATE="1", HOMEBREW_NO_ENV_HINTS="1"),
    )
    if done.returncode:
        raise Unavailable(f"brew install failed: {' '.join(done.stderr.strip().splitlines()[-3:])}")
    return search.find(request)
