"""The Docker daemon that the environment names."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from host.errors import HostError

HELPER_LABEL = "hearth.helper"
"""On every container that a verb makes for itself; the value says what for. A later run cleans up by it."""
CALL_SECONDS = 120


@contextlib.contextmanager
def daemon(seconds: int = CALL_SECONDS) -> Iterator[Any]:
    """A connected client, whose answers may take so long. Errors inside the block become ``HostError``."""
    import docker
    import requests

    try:
        with contextlib.closing(docker.from_env(timeout=seconds)) as client:
            yield client
    except docker.errors.APIError as error:
        raise HostError(f"docker: {error.explanation or error}") from error
    except (docker.errors.DockerException, requests.RequestException) as error:
        raise HostError(
            f"docker: the daemon cannot be reached ({error}); start it, or set DOCKER_HOST to where it runs"
        ) from error


def drop_helpers(client: Any, purpose: str) -> None:
    """Remove the helper containers of an earlier run that was killed."""
    label = {"label": f"{HELPER_LABEL}={purpose}"}
    for container in client.containers.list(all=True, filters=label, ignore_removed=True):
        remove(container)


def remove(container: Any) -> None:
    """Remove a container, running or not; fine when it is gone."""
    import docker

    with contextlib.suppress(docker.errors.NotFound):
        container.remove(force=True, v=True)


def pulled(client: Any, reference: str) -> None:
    """Have an image on the daemon's machine. Raises ``HostError`` where it cannot be had."""
    import docker

    with contextlib.suppress(docker.errors.ImageNotFound):
        client.images.get(reference)
        return
    client.images.pull(reference)


def last_lines(container: Any, lines: int = 20) -> str:
    """The last log lines, indented, after a heading; or that there are none."""
    text = container.logs(tail=lines).decode(errors="replace").strip()
    return (
        "".join(["\nIts last log lines:", *(f"\n  {line}" for line in text.splitlines())])
        if text
        else "\nIt logged nothing."
    )
