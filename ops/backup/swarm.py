"""A service of a swarm: its container is another one after every stop."""

from __future__ import annotations

import time
from typing import Any

from host.containers import swarm
from ops.backup.container import ContainerSite
from ops.errors import Failure, NotDeployed

_PAUSE_SECONDS = 0.2
_KILL_SECONDS = 30
"""How much longer than a service's own time Swarm may take to end it."""


class SwarmSite(ContainerSite):
    """Stopped it is a service without tasks; its volumes are there all the while."""

    def _deployed(self) -> str:
        """See ``ContainerSite``."""
        import docker

        try:
            service = self._daemon.services.get(self._gate["container"])
        except docker.errors.NotFound:
            raise NotDeployed(self.spec.name) from None
        return service.attrs["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"]

    @property
    def _container(self) -> Any:
        found = swarm.containers(self._daemon, self._gate["container"])
        if not found:
            raise Failure(f"{self.spec.name}: does not run (no task of it has a container)")
        return found[0]

    def require_running(self) -> None:
        """See ``Site``."""
        assert self._container

    def stop(self) -> None:
        """See ``Site``."""
        self.note.touch()
        swarm.scale(self._daemon, self._gate["container"], 0)
        deadline = time.monotonic() + self.spec.process.stop_seconds + _KILL_SECONDS
        while swarm.containers(self._daemon, self._gate["container"]):
            if time.monotonic() > deadline:
                raise Failure(f"{self.spec.name}: Swarm does not stop it")
            time.sleep(_PAUSE_SECONDS)

    def start(self) -> None:
        """See ``Site``."""
        swarm.scale(self._daemon, self._gate["container"], 1)
        swarm.wait(self._daemon, self.spec.name, self._gate["container"], self._gate["health"])
        self.tasks()
