"""What a build needs that no registry has by itself: parts of a source distribution on PyPI."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from host.packages import search, unpacked
from host.packages.request import Unavailable
from host.stdin import progress

INCLUDED = (Path("/usr/include"), Path("/usr/local/include"))


@dataclass(frozen=True)
class Recipe:
    """Additions to the build's environment and linker flags."""

    env: Mapping[str, str] = field(default_factory=dict)
    ldflags: str = ""


def of(directory: Path, version: str, scratch: Path) -> Recipe:
    """What ``recipe.json`` beside a module says: ``{ldflags, headers: {requirement, sha256, below}}``.

    ``scratch`` is a directory that lasts. Raises ``Unavailable`` when the headers cannot be fetched.
    """
    recipe = _read(directory)
    env = {"CGO_ENABLED": "1"} if tags(directory) else {}
    if wanted := recipe.get("headers"):
        headers = scratch / f"headers-{wanted['requirement'].partition('==')[2]}"
        if not headers.is_dir():
            fetch(headers, **{key: wanted[key] for key in ("requirement", "sha256", "below")})
        env = {"CGO_ENABLED": "1", "CGO_CPPFLAGS": f"-I{headers}"}
    return Recipe(env, recipe.get("ldflags", "").format(version=version))


def tags(directory: Path) -> str:
    """Go's build tags for what this machine has the header of: ``{optional: {header, tags}}``."""
    wanted = _read(directory).get("optional")
    if not wanted or search.executable("cc") is None:
        return ""
    return wanted["tags"] if any((place / wanted["header"]).is_file() for place in INCLUDED) else ""


def _read(directory: Path) -> dict[str, Any]:
    path = directory / "recipe.json"
    return json.loads(path.read_text()) if path.is_file() else {}


def fetch(target: Path, requirement: str, sha256: str, below: str) -> None:
    """What a source distribution on PyPI carries in its directory ``below``.

    Raises ``Unavailable`` when it cannot be had, or is not the one pinned.
    """
    progress(f"{target.parent.name}: fetching sources of {requirement}")
    with tempfile.TemporaryDirectory() as scratch, unpacked.building(target) as directory:
        wanted = Path(scratch) / "requirements.txt"
        wanted.write_text(f"{requirement} --hash=sha256:{sha256}\n")
        # pip, not a download of our own: it knows this machine's index, proxy and certificates.
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "pip",
                "download",
                "--quiet",
                "--no-deps",
                # Not for all: what it is built with may come as wheels.
                f"--no-binary={requirement.partition('==')[0]}",
                "--require-hashes",
                "--disable-pip-version-check",
                "-d",
                scratch,
                "-r",
                str(wanted),
            ],
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        if done.returncode:
            reason = " ".join(done.stderr.strip().splitlines()[-2:])
            raise Unavailable(f"cannot fetch {requirement}: {reason}")
        with tarfile.open(next(Path(scratch).glob("*.tar.gz"))) as archive:
            for member in archive:
                _, found, name = member.name.partition(below)
                if found and member.isfile() and ".." not in name:
                    path = directory / name
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(archive.extractfile(member).read())
