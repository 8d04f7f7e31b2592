"""The official Pulumi release: downloaded, checked, unpacked.

Source: https://github.com/pulumi/pulumi/releases. No checksum is pinned in this file: the release's own
`pulumi-<version>-checksums.txt` is fetched over HTTPS from the same place and the archive must match it.
That finds a damaged download; against someone who can change the release itself it is HTTPS and GitHub that
protect.
"""

import hashlib
import platform
import shutil
import tarfile
import urllib.error
import urllib.request
from pathlib import Path

from toolchain import reach, versions
from toolchain.locking import made_whole
from toolchain.progress import SetupFailed, say

RELEASES = "https://github.com/pulumi/pulumi/releases/download"
SYSTEMS = {"Linux": "linux", "Darwin": "darwin"}
MACHINES = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}
# For one read of the network, not for the whole download.
STALL_SECONDS = 30


def archive_name(version: str = versions.PULUMI) -> str | None:
    """The archive for this machine, or None where there is no release for it."""
    system, machine = SYSTEMS.get(platform.system()), MACHINES.get(platform.machine().lower())
    return f"pulumi-v{version}-{system}-{machine}.tar.gz" if system and machine else None


def fetch(target: Path, version: str = versions.PULUMI) -> bool:
    """Put the release's executables into `target`; False where it cannot be had here."""
    name = archive_name(version)
    if name is None:
        say(f"passed over: the official release, not made for {platform.system()} {platform.machine()}")
        return False
    base = f"{RELEASES}/v{version}"
    checksums_url = f"{base}/pulumi-{version}-checksums.txt"
    if reach.offline() or not reach.answers(checksums_url):
        say(f"passed over: the official release, github.com did not answer within {reach.SECONDS:g} s")
        return False
    try:
        checksums = _read(checksums_url).decode()
        with made_whole(target) as work:
            archive = work / name
            _download(f"{base}/{name}", archive)
            verify(archive, checksums)
            unpack(archive, work)
            archive.unlink()
    except (urllib.error.URLError, OSError, tarfile.TarError) as error:
        say(f"passed over: the official release: {error}")
        return False
    return True


def verify(archive: Path, checksums: str) -> None:
    """Compare an archive with its line of a checksum file; a mismatch is never passed over in silence."""
    listed = {
        line.split()[-1].lstrip("*"): line.split()[0]
        for line in checksums.splitlines()
        if len(line.split()) == 2
    }
    with archive.open("rb") as stream:
        actual = hashlib.file_digest(stream, "sha256").hexdigest()
    if listed.get(archive.name) != actual:
        expected = listed.get(archive.name, "no checksum for it")
        raise SetupFailed(f"{archive.name} has sha256 {actual}, but the release lists {expected}")


def unpack(archive: Path, directory: Path) -> None:
    """The executables of the archive, directly in `directory`."""
    with tarfile.open(archive) as contents:
        for member in contents:
            if member.isfile():
                member.name = Path(member.name).name
                contents.extract(member, directory, filter="data")


def _read(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=STALL_SECONDS) as response:
        return bytes(response.read())


def _download(url: str, target: Path) -> None:
    with urllib.request.urlopen(url, timeout=STALL_SECONDS) as response, target.open("wb") as stream:
        shutil.copyfileobj(response, stream)
