"""The clients of an API that uses Redis and PostgreSQL, while the secrets of both are replaced."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg
import redis

from tests.e2e.kept import ops
from tests.e2e.workbench import PROJECT, Workbench


def api() -> dict[str, Any]:
    """Two replicas of the example."""
    return {
        "directory": str(PROJECT / "examples" / "api"),
        "replicas": 2,
        "workers": 2,
        "memory": "256MiB",
        "uses": ["redis", "postgres"],
        "database": "shop",
        "route": "/api/",
        "pool-size": 2,
    }


@dataclass(frozen=True)
class Shop:
    """``front`` is the front door's URL, ``postgres`` a port; ``pooled`` is PgBouncer's, where there is one."""

    stack: Workbench
    front: str
    postgres: int
    pooled: int | None = None

    def asked(self, path: str, **body: str) -> Any:
        """What the API answers through the front door."""
        url = f"{self.front}/api{path}"
        answer = httpx.request("POST" if body else "GET", url, json=body or None, verify=False, timeout=60)
        return answer.raise_for_status().json()

    def delivered(self, name: str) -> str:
        """What a program that reads its file at each connection finds there."""
        return (self.stack.root / "api-2" / "secrets" / name).read_text().strip()

    def clients(self) -> dict[str, Callable[[], object]]:
        """Through the front door, and beside it with a connection a request."""
        found: dict[str, Callable[[], object]] = {
            "visits": lambda: self.asked("/"),
            "notes": lambda: self.asked("/notes"),
            "postgres": lambda: database(self.delivered("DATABASE_URL")),
            "redis": lambda: cache(self.delivered("REDIS_URL")),
        }
        if self.pooled:
            there, pool = f":{self.postgres}/", f":{self.pooled}/"
            found["pgbouncer"] = lambda: database(self.delivered("DATABASE_URL").replace(there, pool))
        return found

    def rotated(self, name: str) -> dict[str, Any]:
        """``hearth rotate`` of a secret, and what it says."""
        done = ops(self.stack, "rotate", name, "--json")
        print(done.text)
        return json.loads(done.text[done.text.index("\n{\n") :])


def database(url: str) -> None:
    """A connection of its own, a row written, and the account that it is written by."""
    with psycopg.connect(url, prepare_threshold=None) as connection:
        connection.execute("INSERT INTO notes (text) VALUES ('load')")
        (owner,) = connection.execute("SELECT current_user").fetchone()
        assert owner == "shop"


def cache(url: str) -> None:
    """A connection of its own."""
    with redis.Redis.from_url(url) as connection:
        connection.incr("load")


def refused(url: str) -> bool:
    """Whether the server itself says no."""
    try:
        cache(url) if url.startswith("redis") else database(url)
    except (redis.AuthenticationError, psycopg.OperationalError) as error:
        return "refused" not in str(error)
    return False
