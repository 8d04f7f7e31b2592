"""What end-to-end tests need of the machine: started when missing, stopped only if started here."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.daemon import docker_daemon
from tests.e2e.image import image
from tests.e2e.workbench import Workbench

# By its name it would be the last one, and run alone.
LONGEST = "test_upgrade.py"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest file."""
    items.sort(key=lambda item: item.path.name != LONGEST)


@pytest.fixture(scope="module")
def scratch() -> Iterator[Path]:
    """A directory that unprivileged accounts may enter, which pytest's own is not."""
    path = Path(tempfile.mkdtemp(prefix="hearth-e2e-", dir="/var/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="module")
def bench(scratch: Path) -> Iterator[Callable[..., Workbench]]:
    """Makes stacks, and destroys every one at the end, with its volumes."""
    made: list[Workbench] = []

    def make(stack: str, config: Mapping[str, Any], **where: Any) -> Workbench:
        values = {"data": str(scratch / stack), **config}
        made.append(Workbench(scratch / f"{stack}-project", stack, values, **where))
        return made[-1]

    yield make
    for workbench in reversed(made):
        workbench.destroy()
        workbench.remove_volumes()


@pytest.fixture(scope="session")
def containers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Docker daemon; the value is an image that has every program of the catalogue."""
    with docker_daemon(tmp_path_factory.mktemp("docker") / "dockerd.log"):
        yield image()
