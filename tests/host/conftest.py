"""A data root of its own for each test, and what is started in it ended after it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from host.managers import orphans
from tests.host.launchd_domain import Domain, launchd
from tests.host.machine import Machine
from tests.host.systemd_manager import user_manager


@pytest.fixture
def root() -> Iterator[Path]:
    """A data root that service accounts can reach."""
    path = Path(tempfile.mkdtemp(prefix="hearth-", dir="/var/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def machine(root: Path) -> Iterator[Machine]:
    """The command line on that root, under supervisord."""
    machine = Machine(root)
    yield machine
    machine.kill_supervisord()
    orphans.end(root / "supervisor" / "supervisord.pid")


@pytest.fixture
def systemd(root: Path) -> Iterator[Machine]:
    """The command line on that root, under a systemd user manager of its own."""
    with user_manager() as manager:
        yield Machine(root, runtime="systemd", scope="user", manager=manager)


@pytest.fixture
def domain(tmp_path: Path) -> Iterator[Domain]:
    """A launchd of its own."""
    with launchd(tmp_path) as found:
        yield found
