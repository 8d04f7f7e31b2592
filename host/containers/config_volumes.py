"""``volume-prune``: configuration volumes that no container uses any more.

Each configuration lies in a volume of its own, so that a new one can be checked while the old one
serves; what is left of earlier ones goes once the service answers with the new one.
"""

from __future__ import annotations

from typing import Any

from host.containers import client
from host.errors import HostError


def main(arguments: list[str]) -> str:
    """``STACK SERVICE``: remove every configuration volume of a service that is gone."""
    if len(arguments) != 2:
        raise HostError("usage: volume-prune STACK SERVICE")
    stack, service = arguments
    with client.daemon() as daemon:
        prune(daemon, stack, service)
    return f"{service}: configuration removed"


def prune(daemon: Any, stack: str, service: str, keep: str | None = None) -> None:
    """Remove the configuration volumes of a service but ``keep`` and those in use."""
    import docker

    labels = [f"hearth.stack={stack}", f"hearth.service={service}", "hearth.role=config"]
    for volume in daemon.volumes.list(filters={"label": labels}):
        if volume.name == keep:
            continue
        try:
            volume.remove()
        except docker.errors.APIError as error:
            # In use: by a container of the owner's own, or one that is being replaced.
            if error.status_code not in (404, 409):
                raise
