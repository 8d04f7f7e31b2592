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

from components.catalog import loki, ollama, promtail
from host import files
from tests import standins
from tests.e2e.programs import programs
from tests.support.built import built

SUITE = "trixie"
POSTGRES = 17
PACKAGES = (
    "redis-server", f"postgresql-{POSTGRES}", f"postgresql-{POSTGRES}-pgvector", "nginx-light",
    "ca-certificates", "curl",
    # What the examples require.
    "python3", "python3-flask", "gunicorn", "python3-celery", "python3-redis", "python3-psycopg", "python3-psycopg-pool",
    # Monitoring.
    "prometheus", "prometheus-alertmanager", "prometheus-blackbox-exporter", "prometheus-nginx-exporter",
    "prometheus-node-exporter", "prometheus-postgres-exporter", "prometheus-process-exporter", "prometheus-redis-exporter",
)  # fmt: skip
_BUILT = {"loki": loki.VERSION, "promtail": promtail.VERSION}
# What the catalogue calls the programs that Debian has under another name.
_CALLED = {
    "prometheus-alertmanager": "/usr/bin/alertmanager",
    "prometheus-blackbox-exporter": "/usr/bin/blackbox_exporter",
    "prometheus-nginx-exporter": "/usr/bin/nginx-prometheus-exporter",
    "prometheus-node-exporter": "/usr/bin/node_exporter",
    "prometheus-postgres-exporter": "/usr/bin/postgres_exporter",
    "prometheus-process-exporter": "/usr/bin/process-exporter",
    "prometheus-redis-exporter": "/usr/bin/redis_exporter",
}
# The accounts of the official images, by the number that the catalogue runs them under.
_PREPARE = (
    "usermod --uid 999 postgres",
    *(f"[ -e {name} ] || ln -s /usr/bin/{program} {name}" for program, name in _CALLED.items()),
    "rm -rf /var/cache/apt/archives/*.deb /var/lib/apt/lists/* /var/lib/postgresql/*",
)
PATH = f"/usr/lib/postgresql/{POSTGRES}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def reference(*more: str) -> str:
    """Name of the image for exactly these ingredients."""
    ours = [ollama.VERSION, _BUILT, standins.recipe("cadvisor")]
    recipe = json.dumps([SUITE, (*PACKAGES, *more), _PREPARE, PATH, ours])
    return f"hearth-test/debian:{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"


def cache() -> Path:
    """Where what the images are made from is kept."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "hearth" / "test-image"


def _root_file_system(directory: Path, more: tuple[str, ...]) -> None:
    subprocess.run(
        [
            "debootstrap",
            "--variant=minbase",
            f"--include={','.join((*PACKAGES, *more))}",
            SUITE,
            str(directory),
        ],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    for line in _PREPARE:
        subprocess.run(["chroot", str(directory), "sh", "-c", line], check=True)
    with tempfile.TemporaryDirectory() as scratch:
        found = programs("ollama", ollama.PACKAGE, Path(scratch)) / "ollama"
        shutil.copy(found.resolve(), directory / "usr" / "bin" / "ollama")
    for name in _BUILT:
        shutil.copy(built(name), directory / "usr" / "bin" / name)
    shutil.copy(standins.cadvisor() / "cadvisor", directory / "usr" / "bin")


def _archive(more: tuple[str, ...]) -> Path:
    """The image's files as one archive, kept for the next time."""
    target = cache() / f"{reference(*more).rpartition(':')[2]}.tar"
    target.parent.mkdir(parents=True, exist_ok=True)
    # Two modules may want it at once.
    with files.locked(target.with_suffix(".lock")):
        if not target.exists():
            with tempfile.TemporaryDirectory(dir="/var/tmp") as scratch:
                root = Path(scratch) / "root"
                _root_file_system(root, more)
                partial = target.with_suffix(".partial")
                subprocess.run(["tar", "-C", str(root), "-cf", str(partial), "."], check=True)
                partial.rename(target)
    return target


def image(*more: str) -> str:
    """The image's name, once the daemon has it; ``more`` are packages that few tests need."""
    name = reference(*more)
    known = subprocess.run(["docker", "image", "inspect", name], capture_output=True)
    if known.returncode != 0:
        command = ["docker", "import", "--change", f"ENV PATH={PATH}", str(_archive(more)), name]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return name
