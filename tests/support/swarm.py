"""A swarm of one node on the Docker daemon: the one there is, or one until the last test has run."""

from __future__ import annotations

import contextlib
import fcntl
import tempfile
from collections.abc import Iterator
from pathlib import Path

import docker

_PLACE = Path(tempfile.gettempdir())
_CHANGING, _OURS = _PLACE / "hearth-swarm.changing", _PLACE / "hearth-swarm.ours"


def one_node() -> docker.DockerClient:
    """A client of the daemon, which manages a swarm from now on."""
    client = docker.from_env()
    with _changing():
        if client.info()["Swarm"]["LocalNodeState"] == "inactive":
            client.swarm.init(advertise_addr="127.0.0.1", listen_addr="127.0.0.1:2377")
            _OURS.touch()
    return client


def end() -> None:
    """Have no swarm any more where tests have made it.

    When all are done: a container that starts while its daemon leaves a swarm finds no other by its name.
    """
    with _changing(), contextlib.suppress(docker.errors.DockerException):
        if not _OURS.exists():
            return
        client = docker.from_env()
        if client.info()["Swarm"]["LocalNodeState"] != "inactive":
            client.swarm.leave(force=True)
        _OURS.unlink()
        # It outlives the swarm that it was made for.
        for bridge in client.networks.list(names=["docker_gwbridge"]):
            bridge.remove()


@contextlib.contextmanager
def _changing() -> Iterator[None]:
    with _CHANGING.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
