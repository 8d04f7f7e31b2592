"""What monitoring takes of the host: its services under supervisord, with their defaults."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks import memory, stacks
from benchmarks.measure import say
from tests.support.ports import free_port

WATCHED = ("redis", "postgres", "nginx")
# All that runs without containers and can be had from package registries.
WATCHING = (
    "prometheus", "alertmanager", "blackbox-exporter", "node-exporter", "redis-exporter", "postgres-exporter",
    "nginx-exporter", "process-exporter", "loki", "promtail",
)  # fmt: skip
SETTLING_SECONDS = 45
SECONDS = 90


@dataclass(frozen=True)
class Watcher:
    """What one service took: its memory, and its share of one core."""

    service: str
    taken: memory.Taken
    cores: float


def _config(data: Path) -> dict[str, Any]:
    ports = {name: {"port": free_port()} for name in (*WATCHED, *WATCHING)}
    ports["nginx-exporter"]["status-port"] = free_port()
    ports["loki"]["grpc-port"] = free_port()
    return {"runtime": "supervisord", "services": ports, "data": str(data)}


def _processes(home: Path) -> list[psutil.Process]:
    """Those that work in a service's directory."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if f"{process.cwd()}/".startswith(f"{home}/"):
                found.append(process)
    return found


def _seconds(home: Path) -> float:
    """CPU time that a service has used."""
    times = [process.cpu_times() for process in _processes(home)]
    return sum(each.user + each.system for each in times)


def run(directory: Path) -> list[Watcher]:
    """Each service that watches, while it watches three others that have nothing to do."""
    data = directory / "watching-data"
    project = stacks.hearth(directory / "watching", _config(data))
    try:
        project.up()
        say(f"monitoring: up; measured in {SETTLING_SECONDS} s, for {SECONDS} s")
        time.sleep(SETTLING_SECONDS)
        before = {name: _seconds(data / name) for name in WATCHING}
        time.sleep(SECONDS)
        return [
            Watcher(
                name,
                memory.of(process.pid for process in _processes(data / name)),
                (_seconds(data / name) - before[name]) / SECONDS,
            )
            for name in WATCHING
        ]
    finally:
        project.destroy()
