"""One stack with every application, added one after the other; what was installed stays for the next time."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.workbench import Workbench

# Service accounts may enter it, and it is not lost with a reboot.
ROOT = Path("/var/tmp/hearth-large")
REDIS, POSTGRES, OLLAMA, NGINX = 62379, 62432, 62434, 62080
BASE: dict[str, Any] = {
    "redis": {"port": REDIS, "memory": "128MiB"},
    "postgres": {"port": POSTGRES, "memory": "512MiB"},
    "ollama": {"port": OLLAMA, "memory": "1GiB"},
    "nginx": {"port": NGINX},
}


class Applications(Workbench):
    """A stack that grows."""

    def __init__(self, directory: Path) -> None:
        self.services = dict(BASE)
        super().__init__(directory, "applications", self.config())

    def config(self) -> dict[str, Any]:
        """What the stack file says now."""
        return {
            "runtime": "supervisord",
            "host": {"reserve": "512MiB"},
            "data": str(ROOT / "applications"),
            "services": self.services,
        }

    def add(self, services: dict[str, Any]) -> None:
        """Bring up more services beside those that run."""
        self.services |= services
        self.configure(self.config())
        self.up()


def _forgotten() -> None:
    for path in (ROOT / "applications").glob("*"):
        if path.name != "packages":
            shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.fixture(scope="session")
def stack() -> Iterator[Applications]:
    """The databases, models and the front door; each module adds its application."""
    _forgotten()
    scratch = Path(tempfile.mkdtemp(prefix="hearth-large-", dir="/var/tmp"))
    scratch.chmod(0o755)
    made = Applications(scratch / "project")
    try:
        yield made
    finally:
        made.destroy()
        shutil.rmtree(scratch)
        _forgotten()
