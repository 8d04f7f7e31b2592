"""A Docker daemon: the one that runs, or one of our own for as long as the tests run."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import docker
from docker.errors import DockerException

from tests.support import swarm

_PATIENCE = 60


def _answers() -> bool:
    try:
        return bool(docker.from_env(timeout=5).ping())
    except DockerException:
        return False


@contextlib.contextmanager
def docker_daemon(log: Path) -> Iterator[None]:
    """Within the block a daemon answers. One that ran before is left alone."""
    if _answers():
        yield
        return
    # A pid file of its own: the usual one may name a process of before a reboot, and some other's now.
    command = ["dockerd", "--pidfile", str(log.with_suffix(".pid"))]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            deadline = time.monotonic() + _PATIENCE
            while not _answers():
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"dockerd did not start:\n{log.read_text()[-3000:]}")
                time.sleep(0.3)
            yield
        finally:
            swarm.end()
            process.terminate()
            process.wait(30)
