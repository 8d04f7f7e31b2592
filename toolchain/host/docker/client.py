"""The connection to the Docker daemon, and its errors in the words a user needs."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from toolchain.host.resource import OperationFailed, Properties

DEFAULT_HOST = "unix:///var/run/docker.sock"
# The official plugin's limit for one operation on a container.
TIMEOUT_SECONDS = 1200
# What the engine itself adds to a provider's configuration.
ENGINE_KEYS = {"version", "pluginDownloadURL"}
# A container that is going away still holds its network and its volumes for a moment.
REMOVE_SECONDS = 30


class Daemon:
    """One Docker daemon, connected to at the first use: a preview of a new stack needs none."""

    def __init__(self) -> None:
        self.host = os.environ.get("DOCKER_HOST") or DEFAULT_HOST
        self._lock = threading.Lock()
        self._api: Any = None

    @staticmethod
    def check_config(config: Properties) -> dict[str, str]:
        """Refuse what only the official plugin can do."""
        refused = {
            key
            for key, value in config.items()
            if key not in {"host", *ENGINE_KEYS} and value not in ("", "[]")
        }
        return {
            key: f"`docker:{key}` is not supported by this stand-in plugin, only by the official one. Here: "
            "`docker:host` or DOCKER_HOST, DOCKER_TLS_VERIFY, DOCKER_CERT_PATH and `docker login`"
            for key in refused
            if not key.startswith("__")
        }

    def configure(self, config: Properties) -> None:
        """Take the host of the provider's configuration, which goes before DOCKER_HOST."""
        if isinstance(config.get("host"), str) and config["host"]:
            self.host = config["host"]

    @contextmanager
    def api(self) -> Iterator[Any]:
        """The low-level client; errors inside become `OperationFailed` with the daemon's own words."""
        import docker
        import requests

        try:
            yield self._connected(docker)
        except docker.errors.APIError as error:
            raise OperationFailed(f"{error.explanation or error} (Docker daemon at {self.host})") from error
        except (docker.errors.DockerException, requests.RequestException, OSError) as error:
            raise OperationFailed(f"the Docker daemon at {self.host} cannot be reached: {error}") from error

    def _connected(self, docker: Any) -> Any:
        with self._lock:
            if self._api is None:
                settings = docker.utils.kwargs_from_env()
                settings["base_url"] = self.host
                self._api = docker.APIClient(
                    version="auto",
                    timeout=TIMEOUT_SECONDS,
                    use_ssh_client=self.host.startswith("ssh://"),
                    **settings,
                )
            return self._api


def missing(error: OperationFailed) -> bool:
    """Whether the daemon answered that there is no such thing."""
    import docker

    return isinstance(error.__cause__, docker.errors.NotFound)


def remove_once_free(daemon: Daemon, remove: Callable[[Any], None], *busy: str) -> None:
    """Call `remove` with the client until the daemon stops saying one of `busy`; fine when there is nothing.

    Raises `OperationFailed` for every other refusal, and for this one after 30 s.
    """
    deadline = time.monotonic() + REMOVE_SECONDS
    while True:
        try:
            with daemon.api() as api:
                return remove(api)
        except OperationFailed as failure:
            if missing(failure):
                return
            if not any(words in str(failure) for words in busy) or time.monotonic() > deadline:
                raise
        time.sleep(0.5)


def labels_of(entries: list[dict[str, str]]) -> dict[str, str]:
    """`[{label, value}]` as Docker's map."""
    return {entry["label"]: entry["value"] for entry in entries}


def labels_to(labels: dict[str, str] | None) -> list[dict[str, str]]:
    """Docker's map as `[{label, value}]`."""
    return [{"label": key, "value": value} for key, value in sorted((labels or {}).items())]
