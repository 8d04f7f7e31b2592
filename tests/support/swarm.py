"""A swarm of one node on the Docker daemon: the one there is, or one for as long as a test runs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import docker


@contextlib.contextmanager
def one_node() -> Iterator[docker.DockerClient]:
    """Within the block the daemon manages a swarm. One that was there before is left alone."""
    client = docker.from_env()
    own = client.info()["Swarm"]["LocalNodeState"] == "inactive"
    if own:
        client.swarm.init(advertise_addr="127.0.0.1", listen_addr="127.0.0.1:2377")
    try:
        yield client
    finally:
        if own:
            client.swarm.leave(force=True)
            # It outlives the swarm that it was made for.
            for bridge in client.networks.list(names=["docker_gwbridge"]):
                bridge.remove()
