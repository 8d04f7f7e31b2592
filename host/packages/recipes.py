"""What a Go module needs beyond itself to be built."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from host.packages import unpacked
from host.packages.request import Unavailable
from host.stdin import progress

HEADERS = "llama-cpp-python==0.3.36"
HEADERS_SHA256 = "832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e"
HEADERS_BELOW = "/vendor/llama.cpp/vendor/"


@dataclass(frozen=True)
class Recipe:
    """Additions to the build's environment and linker flags."""

    env: Mapping[str, str] = field(default_factory=dict)
    ldflags: str = ""


def of(name: str, version: str, scratch: Path) -> Recipe:
    """The recipe of a module; ``scratch`` is a directory that lasts. Raises ``Unavailable``."""
    if name != "ollama":
        return Recipe()
    headers = scratch / f"headers-{HEADERS.partition('==')[2]}"
    if not headers.is_dir():
        _fetch_headers(headers)
    return Recipe(
        {"CGO_ENABLED": "1", "CGO_CPPFLAGS": f"-I{headers}"},
        f"-X github.com/ollama/ollama/version.Version={version}",
    )


def _fetch_headers(target: Path) -> None:
    """Ollama keeps headers of others in directories called ``vendor``, which Go's module archives leave out.

    The source distribution of llama-cpp-python carries the same headers.
    """
    progress(f"ollama: fetching header files of {HEADERS}")
    with tempfile.TemporaryDirectory() as scratch, unpacked.building(target) as directory:
        wanted = Path(scratch) / "requirements.txt"
        wanted.write_text(f"{HEADERS} --hash=sha256:{HEADERS_SHA256}\n")
        # pip, not a download of our own: it knows this machine's index, proxy and certificates.
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "pip",
                "download",
                "--quiet",
                "--no-deps",
                "--no-binary=:all:",
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
            raise Unavailable(f"cannot fetch {HEADERS}: {' '.join(done.stderr.strip().splitlines()[-2:])}")
        with tarfile.open(next(Path(scratch).glob("*.tar.gz"))) as archive:
            for member in archive:
                _, found, below = member.name.partition(HEADERS_BELOW)
                if found and member.isfile() and ".." not in below:
                    path = directory / below
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(archive.extractfile(member).read())
