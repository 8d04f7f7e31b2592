"""Services that run and end: starting one beside its times, and how its last run went."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from components.config import CONTAINERS
from components.runtimes.docker_arguments import PLACES
from components.schedules import RECORD
from host import logs, managers, notes
from host.containers import client
from ops import stacks
from ops.errors import Failure, Usage

_PAUSE = 0.2


class Job(Protocol):
    """One service with a schedule, wherever it runs."""

    def start(self) -> None:
        """Start a run; fine when one is under way."""

    def record(self) -> dict[str, Any] | None:
        """How the run that ended last went: ``started`` (UNIX time), ``seconds`` and ``exit``."""

    def tail(self) -> str:
        """The last lines that it wrote."""


class NativeJob:
    """A process of this host."""

    def __init__(self, root: Path, service: str) -> None:
        applied = notes.read(root / service).applied
        if applied is None:
            raise Failure(f"{service}: it is not deployed; run `make up`")
        self._home = root / service
        self._manager = managers.of(applied)

    def start(self) -> None:
        """See ``Job``."""
        self._manager.wake()
        self._manager.run_now()

    def record(self) -> dict[str, Any] | None:
        """See ``Job``."""
        with contextlib.suppress(FileNotFoundError):
            return json.loads((self._home / "data" / RECORD).read_bytes())
        return None

    def tail(self) -> str:
        """See ``Job``."""
        return logs.tail(self._home, self._manager)


class ContainerJob:
    """A container whose script keeps the time."""

    def __init__(self, container: Any) -> None:
        self._container = container

    def start(self) -> None:
        """See ``Job``."""
        self._container.kill(signal="SIGUSR1")

    def record(self) -> dict[str, Any] | None:
        """See ``Job``."""
        code, output = self._container.exec_run(["cat", f"{PLACES.data}/{RECORD}"])
        return json.loads(output) if code == 0 else None

    def tail(self) -> str:
        """See ``Job``."""
        return client.last_lines(self._container)


def run(stack: str, name: str, within: float, progress: Callable[[str], None]) -> dict[str, Any]:
    """Run a job now, or wait for the run that is under way. Returns its record.

    Raises ``Usage`` for what has no schedule, ``Failure`` with the job's last lines when it fails or
    takes longer than ``within`` seconds.
    """
    plan = stacks.planned(stack)
    scheduled = [spec.name for spec in plan.services if spec.schedule]
    if name not in scheduled:
        raise Usage(
            f"{name}: has no schedule in stack {stack}; those that do: {', '.join(scheduled) or 'none'}"
        )
    if plan.runtime not in CONTAINERS:
        return _run(NativeJob(stacks.root(stack, stacks.configured(stack)), name), name, within, progress)
    with client.daemon() as daemon:
        labels = [f"hearth.stack={stack}", f"hearth.service={name}"]
        found = daemon.containers.list(filters={"label": labels}, ignore_removed=True)
        if not found:
            raise Failure(f"{name}: no container of it runs here; run `make up`")
        return _run(ContainerJob(found[0]), name, within, progress)


def _run(job: Job, name: str, within: float, progress: Callable[[str], None]) -> dict[str, Any]:
    before, deadline = job.record(), time.monotonic() + within
    job.start()
    progress(f"{name}: started")
    while True:
        found = job.record()
        if found and found != before:
            break
        if time.monotonic() > deadline:
            raise Failure(f"{name}: not at its end within {within:g} s; it goes on{job.tail()}")
        time.sleep(_PAUSE)
    if found["exit"]:
        raise Failure(f"{name}: exit status {found['exit']} after {found['seconds']} s{job.tail()}")
    return found
