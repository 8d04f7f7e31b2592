"""One container image with every program of the catalogue, made from Debian's packages.

It stands in for the official images, which a machine without a container registry cannot pull. It
brings the accounts that the catalogue counts on, as the official images do.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from components.catalog import ollama
from tests.e2e.programs import programs

SUITE = "trixie"
POSTGRES = 17
PACKAGES = (
    "redis-server", f"postgresql-{POSTGRES}", f"postgresql-{POSTGRES}-pgvector", "nginx-light",
    "ca-certificates", "curl",
    # What the examples require.
    "python3", "python3-flask", "gunicorn", "python3-celery", "python3-redis", "python3-psycopg", "python3-psycopg-pool",
)  # fmt: skip
# The accounts of the official images, by the number that the catalogue runs them under.
_PREPARE = (
    "usermod --uid 999 postgres",
    "rm -rf /var/cache/apt/archives/*.deb /var/lib/apt/lists/* /var/lib/postgresql/*",
)
_PATH = f"/usr/lib/postgresql/{POSTGRES}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def reference() -> str:
    """Name of the image for exactly these ingredients."""
    recipe = json.dumps([SUITE, PACKAGES, _PREPARE, _PATH, ollama.VERSION])
    return f"hearth-test/debian:{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "hearth" / "test-image"


def _root_file_system(directory: Path) -> None:
    subprocess.run(
        ["debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", SUITE, str(directory)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    for line in _PREPARE:
        subprocess.run(["chroot", str(directory), "sh", "-c", line], check=True)
    with tempfile.TemporaryDirectory() as scratch:
        found = programs("ollama", ollama.PACKAGE, Path(scratch)) / "ollama"
        shutil.copy(found.resolve(), directory / "usr" / "bin" / "ollama")


def _archive() -> Path:
    """The image's files as one archive, kept for the next time."""
    target = _cache() / f"{reference().rpartition(':')[2]}.tar"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir="/var/tmp") as scratch:
            root = Path(scratch) / "root"
            _root_file_system(root)
            partial = target.with_suffix(".partial")
            subprocess.run(["tar", "-C", str(root), "-cf", str(partial), "."], check=True)
            partial.rename(target)
    return target


def image() -> str:
    """The image's name, once the daemon has it."""
    known = subprocess.run(["docker", "image", "inspect", reference()], capture_output=True)
    if known.returncode != 0:
        command = ["docker", "import", "--change", f"ENV PATH={_PATH}", str(_archive()), reference()]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return reference()
