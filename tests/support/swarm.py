"""A swarm of one node on the Docker daemon: the one there is, or one for as long as tests need it."""

from __future__ import annotations

import contextlib
import fcntl
import tempfile
from collections.abc import Iterator
from pathlib import Path

import docker

_PLACE = Path(tempfile.gettempdir())
_CHANGING, _USING = _PLACE / "hearth-swarm.changing", _PLACE / "hearth-swarm.using"
_OURS = _PLACE / "hearth-swarm.ours"


@contextlib.contextmanager
def one_node() -> Iterator[docker.DockerClient]:
    """Within the block the daemon manages a swarm. One that was there before is left alone.

    Several processes may be within theirs at once: the last one ends the swarm.
    """
    client = docker.from_env()
    with _USING.open("w") as using:
        with _changing():
            if client.info()["Swarm"]["LocalNodeState"] == "inactive":
                client.swarm.init(advertise_addr="127.0.0.1", listen_addr="127.0.0.1:2377")
                _OURS.touch()
            fcntl.flock(using, fcntl.LOCK_SH)
        try:
            yield client
        finally:
            with _changing(), contextlib.suppress(BlockingIOError):
                fcntl.flock(using, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _end(client)


@contextlib.contextmanager
def _changing() -> Iterator[None]:
    with _CHANGING.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _end(client: docker.DockerClient) -> None:
    if not _OURS.exists():
        return
    client.swarm.leave(force=True)
    _OURS.unlink()
    # It outlives the swarm that it was made for.
    for bridge in client.networks.list(names=["docker_gwbridge"]):
        bridge.remove()
