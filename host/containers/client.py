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
def daemon() -> Iterator[Any]:
    """A connected client. Errors of the daemon inside the block become ``HostError``."""
    import docker
    import requests

    try:
        with contextlib.closing(docker.from_env(timeout=CALL_SECONDS)) as client:
            yield client
    except docker.errors.APIError as error:
        raise HostError(f"docker: {error.explanation or error}") from error
    except (docker.errors.DockerException, requests.RequestException) as error:
        raise HostError(
            f"docker: the daemon cannot be reached ({error}); start it, or set DOCKER_HOST to where it runs"
        ) from error


def drop_helpers(client: Any, purpose: str) -> None:
    """Remove the helper containers of an earlier run that was killed."""
    for container in client.containers.list(all=True, filters={"label": f"{HELPER_LABEL}={purpose}"}):
        remove(container)


def remove(container: Any) -> None:
    """Remove a container, running or not; fine when it is gone."""
    import docker

    with contextlib.suppress(docker.errors.NotFound):
        container.remove(force=True, v=True)


def last_lines(container: Any, lines: int = 20) -> str:
    """The last log lines, indented, after a heading; or that there are none."""
    text = container.logs(tail=lines).decode(errors="replace").strip()
    return (
        "".join(["\nIts last log lines:", *(f"\n  {line}" for line in text.splitlines())])
        if text
        else "\nIt logged nothing."
    )
