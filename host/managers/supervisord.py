"""A service under supervisord, driven over XML-RPC on its own socket.

Only the service's own process group is ever touched: other services may be applied at the same
time. A group is called as its service.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault

from host import files
from host.errors import HostError
from host.managers import State, Status, daemon

STARTING, RUNNING, BACKOFF = 10, 20, 30
BAD_NAME, ALREADY_ADDED, ALREADY_STARTED, CANT_REREAD = 10, 90, 60, 92
STOP_SECONDS = 120
"""Bound on a stop. supervisord itself kills after the program's ``stopwaitsecs``."""


@dataclass(frozen=True)
class Supervisord:
    """``unit`` is the program file that ``supervisord.conf`` includes."""

    root: Path
    service: str
    unit: Path

    def wake(self) -> None:
        """Start the stack's supervisord where none runs."""
        daemon.require(self.root)

    def status(self) -> Status:
        """Running when every process of the group is; stopped when supervisord gave one up."""
        processes = self._processes(daemon.connect(self.root))
        if not processes:
            return Status(State.STOPPED, "supervisord does not run it")
        for process in processes:
            if process["state"] not in (STARTING, RUNNING, BACKOFF):
                why = process["spawnerr"] or process["description"]
                return Status(State.STOPPED, f"{process['name']} is {process['statename']}: {why}")
        everyone = all(process["state"] == RUNNING for process in processes)
        attempt = max(process["start"] for process in processes)
        return Status(State.RUNNING if everyone else State.STARTING, attempt=attempt)

    def restart(self) -> None:
        """Stop the group, read its file again, start it."""
        server = daemon.require(self.root)
        try:
            server.reloadConfig()
        except Fault as fault:
            raise HostError(
                f"supervisord refuses {self.unit} or a file beside it: {fault.faultString}"
            ) from fault
        self._drop(server)
        with _ignoring(ALREADY_ADDED):
            server.addProcessGroup(self.service)
        for process in self._processes(server):
            if process["state"] not in (STARTING, RUNNING, BACKOFF):
                with _ignoring(ALREADY_STARTED):
                    server.startProcess(f"{process['group']}:{process['name']}", False)

    def forget(self) -> None:
        """Stop and remove the group, and its file."""
        files.remove(self.unit)
        server = daemon.connect(self.root)
        if server is None:
            return
        # Drop before rereading, so that a broken file of another service cannot keep this one running.
        self._drop(server)
        with _ignoring(CANT_REREAD):
            server.reloadConfig()

    def run_now(self) -> None:
        """Ask the script that keeps the time."""
        for process in self._processes(daemon.require(self.root)):
            try:
                daemon.require(self.root).signalProcess(f"{process['group']}:{process['name']}", "USR1")
            except Fault as fault:
                raise HostError(f"supervisord: {fault.faultString}") from fault

    def log(self, lines: int) -> list[str]:
        """supervisord's own lines about this service: why it could not even be spawned."""
        data = files.read(self.root / "supervisor" / "supervisord.log") or b""
        return [line for line in data.decode(errors="replace").splitlines() if self.service in line][-lines:]

    def _processes(self, server: Any) -> list[dict[str, Any]]:
        return (
            []
            if server is None
            else [process for process in server.getAllProcessInfo() if process["group"] == self.service]
        )

    def _drop(self, server: Any) -> None:
        """Stop the group and remove it from the living supervisord."""
        with _ignoring(BAD_NAME):
            server.stopProcessGroup(self.service, False)
            deadline = time.monotonic() + STOP_SECONDS
            while any(process["pid"] for process in self._processes(server)):
                if time.monotonic() > deadline:
                    raise HostError(
                        f"{self.service}: still running {STOP_SECONDS} s after it was asked to stop"
                    )
                time.sleep(0.05)
            server.removeProcessGroup(self.service)


@contextlib.contextmanager
def _ignoring(code: int) -> Iterator[None]:
    try:
        yield
    except Fault as fault:
        if fault.faultCode != code:
            raise HostError(f"supervisord: {fault.faultString}") from fault
