"""Compilers that run for minutes: a line of progress now and then, the last lines when they fail."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from host.packages.request import Unavailable
from host.stdin import progress

PROGRESS_SECONDS = 15


def run(argv: Sequence[str], what: str, minutes: int, log: Path, **how: Any) -> None:
    """Run a compiler to its end, with ``how`` for ``subprocess.Popen``.

    Raises ``Unavailable`` with its last lines when it fails.
    """
    began = time.monotonic()
    with log.open("w+") as file:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=file, stderr=file, **how)
        try:
            while True:
                try:
                    code = process.wait(PROGRESS_SECONDS)
                    break
                except subprocess.TimeoutExpired:
                    progress(
                        f"{what}: building for {time.monotonic() - began:.0f} s; "
                        f"about {minutes} minutes in all"
                    )
        finally:
            process.kill()
        file.seek(0)
        if code:
            raise Unavailable(f"the build failed: {' '.join(file.read().strip().splitlines()[-5:])}")
