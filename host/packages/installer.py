"""A vendor's own release, where its server can be reached: an archive, or the program itself."""

from __future__ import annotations

import hashlib
import platform
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from host.packages import search, unpacked
from host.packages.identity import Identity
from host.packages.request import Request, Unavailable
from host.stdin import progress

REACH_SECONDS = 3
READ_SECONDS = 60
CHUNK = 1 << 20
MACHINES = {
    "x86_64": {"machine": "amd64", "arch": "x86_64", "cpu": "x64"},
    "aarch64": {"machine": "arm64", "arch": "aarch64", "cpu": "arm64"},
}
"""What vendors call a machine, by what the kernel calls it."""
ARCHIVES = (".gz", ".tgz", ".xz", ".bz2", ".zst", ".tar")


def provide(request: Request) -> dict[str, Path]:
    """Download and unpack the archives. An address may end in ``#sha256=HEX,HEX``, one for each machine.

    What is not named like an archive is the first program itself.

    Raises ``Unavailable`` when a server does not answer at once, or an archive is not the one pinned.
    """
    names = MACHINES.get(platform.machine())
    if sys.platform != "linux" or names is None:
        raise Unavailable(f"no archive for {sys.platform} {platform.machine()}")
    addresses = str(request.installer).format(**names).split()
    if any(".zst" in address for address in addresses) and not search.executable("zstd"):
        raise Unavailable(f"zstd is not here to unpack {addresses[0]}; install it for the vendor's own build")
    target = unpacked.target(request, _named(request))
    if not target.is_dir():
        with unpacked.building(target) as directory:
            for address in addresses:
                _take(request, address, directory)
    return unpacked.programs(request, target)


def _named(request: Request) -> str:
    return hashlib.sha256(str(request.installer).encode()).hexdigest()[:12]


def offer(request: Request) -> Identity:
    """The addresses, by a hash of them: they have the version, and mostly the archives' own hashes, in them.

    Raises ``Unavailable`` when the first server does not answer at once.
    """
    import httpx

    names = MACHINES.get(platform.machine())
    if sys.platform != "linux" or names is None:
        raise Unavailable(f"no archive for {sys.platform} {platform.machine()}")
    address = str(request.installer).format(**names).split()[0].partition("#")[0]
    try:
        httpx.head(address, follow_redirects=True, timeout=REACH_SECONDS).raise_for_status()
    except httpx.HTTPError as error:
        raise Unavailable(f"{address} cannot be reached ({type(error).__name__})") from error
    return Identity("installer", {request.programs[0]: _named(request)})


def identity(request: Request, programs: Mapping[str, Path]) -> Identity:
    """Likewise, of what was unpacked."""
    return Identity("installer", {request.programs[0]: unpacked.version(request, programs)})


def _take(request: Request, pinned: str, directory: Path) -> None:
    address, _, checksums = pinned.partition("#sha256=")
    archive = directory / "archive"
    digest = _download(request.name, address, archive)
    if checksums and digest not in checksums.split(","):
        raise Unavailable(f"{address} is not the pinned archive: sha256 {digest}")
    if address.endswith(ARCHIVES):
        _unpack(archive, address)
    else:
        archive.rename(directory / request.programs[0]).chmod(0o755)


def _unpack(archive: Path, address: str) -> None:
    # tar itself knows every compression that a vendor may choose.
    done = subprocess.run(
        ["tar", "-xf", str(archive), "--no-same-owner", "-C", str(archive.parent)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Unavailable(f"cannot unpack {address}: {done.stderr.strip()}")
    archive.unlink()


def _download(name: str, address: str, archive: Path) -> str:
    """Returns the SHA-256 of what was read."""
    import httpx

    digest, size, told = hashlib.sha256(), 0, 0
    limits = httpx.Timeout(READ_SECONDS, connect=REACH_SECONDS)
    try:
        with (
            httpx.stream("GET", address, follow_redirects=True, timeout=limits) as answer,
            archive.open("wb") as file,
        ):
            answer.raise_for_status()
            for chunk in answer.iter_bytes(CHUNK):
                file.write(chunk)
                digest.update(chunk)
                size += len(chunk)
                if size - told > 100 * CHUNK:
                    told = size
                    progress(f"{name}: {size >> 20} MiB downloaded")
    except (httpx.HTTPError, OSError) as error:
        status = error.response.status_code if isinstance(error, httpx.HTTPStatusError) else None
        why = f"answers with status {status}" if status else f"cannot be reached ({type(error).__name__})"
        raise Unavailable(f"{address} {why}") from error
    return digest.hexdigest()
