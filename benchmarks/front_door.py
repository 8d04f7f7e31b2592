"""What nginx adds: latency of a small request with and without it, and the memory it takes."""

from __future__ import annotations

import http.client
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
import psutil

from benchmarks import memory, stacks
from benchmarks.measure import Failed, percentile, say
from tests.support.ports import free_port

REQUESTS = 6000
_TURN = 250
TURNS = REQUESTS // _TURN


@dataclass
class Way:
    """One way to the same answer, over one connection that stays open."""

    name: str
    address: str
    port: int
    path: str
    milliseconds: list[float] = field(default_factory=list)

    def turn(self, connection: http.client.HTTPConnection, count: int) -> list[float]:
        """Times of ``count`` requests."""
        times = []
        for _ in range(count):
            began = time.perf_counter()
            connection.request("GET", self.path)
            answer = connection.getresponse()
            answer.read()
            times.append((time.perf_counter() - began) * 1000)
            if answer.status != 200:
                raise Failed(f"{self.name}: HTTP {answer.status}")
        return times


@dataclass
class Result:
    """Latencies by way; memory of nginx and of Hearth's own processes."""

    ways: list[Way]
    nginx: memory.Taken
    own: memory.Taken


def _address(container: Any, network: str) -> str:
    return container.attrs["NetworkSettings"]["Networks"][f"{stacks.STACK}-{network}"]["IPAddress"]


def run(directory: Path) -> Result:
    """Bring the `dev` stack up and ask it, the ways taking turns."""
    config = stacks.dev_config(directory)
    project = stacks.hearth(directory / "front-door", config)
    say("nginx: bringing the stack up")
    project.up()
    client = docker.from_env()
    ollama = client.containers.get(f"{stacks.STACK}-ollama")
    nginx = client.containers.get(f"{stacks.STACK}-nginx")
    port, version = config["services"]["nginx"]["port"], "/ollama/api/version"
    ways = [
        Way("Ollama directly", _address(ollama, "backend"), 11434, "/api/version"),
        Way("through nginx", _address(nginx, "backend"), port, version),
        Way("through nginx and Docker's published port", "127.0.0.1", port, version),
    ]
    connections = [http.client.HTTPConnection(way.address, way.port, timeout=30) for way in ways]
    for way, connection in zip(ways, connections, strict=True):
        way.turn(connection, _TURN)
    for number in range(TURNS):
        for way, connection in zip(ways, connections, strict=True):
            way.milliseconds += way.turn(connection, _TURN)
        if number % 8 == 0:
            say(f"nginx: {number * _TURN} of {REQUESTS} requests each")
    for way in ways:
        say(f"nginx: {way.name}: p50 {percentile(way.milliseconds, 0.5):.2f} ms")
    result = Result(ways, memory.of_tree(nginx.attrs["State"]["Pid"]), memory.working_in(project.directory))
    project.destroy()
    project.purge()
    return result


def supervisor(directory: Path) -> memory.Taken:
    """Memory of supervisord with one service under it, the one process that Hearth leaves running."""
    config = {
        "runtime": "supervisord",
        "host": {"reserve": "256MiB"},
        "services": {"redis": {"memory": "64MiB", "port": free_port()}},
        "data": str(directory / "supervised-data"),
    }
    project = stacks.hearth(directory / "supervised", config)
    project.up()
    try:
        found = [
            process.pid
            for process in psutil.process_iter()
            if (words := memory.words(process)) and "supervisord" in words and config["data"] in words
        ]
        if not found:
            raise Failed("supervisord is not among the processes")
        return memory.of(found)
    finally:
        project.destroy()
        project.purge()
