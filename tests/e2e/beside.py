"""What is asked of a stack's containers inside of them, where no port of theirs is published."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import docker
import redis
from docker.models.containers import Container


class Beside:
    """The containers of one stack."""

    def __init__(self, stack: str) -> None:
        self.stack = stack

    def container(self, service: str) -> Container:
        """The one of a service."""
        return docker.from_env().containers.get(f"{self.stack}-{service}")

    def cache(self, password: str) -> redis.Redis:
        """Its Redis, at its container's own address."""
        networks = self.container("redis").attrs["NetworkSettings"]["Networks"]
        address = next(iter(networks.values()))["IPAddress"]
        return redis.Redis(address, password=password, socket_timeout=2)

    def asked(self, service: str, port: int, path: str) -> Any:
        """The JSON that a page of a service answers with."""
        code, output = self.container(service).exec_run(["curl", "-sS", f"http://127.0.0.1:{port}{path}"])
        assert code == 0, output
        return json.loads(output)

    def series(self, query: str) -> list[tuple[dict[str, str], float]]:
        """What Prometheus answers: labels and value of each series."""
        answer = self.asked("prometheus", 9090, f"/api/v1/query?query={quote(query)}")
        assert answer["status"] == "success", answer
        return [(found["metric"], float(found["value"][1])) for found in answer["data"]["result"]]
