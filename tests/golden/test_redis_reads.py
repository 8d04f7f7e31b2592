"""redis-server itself runs with what is rendered for it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from support.rendered import lay_out, secret_values
from support.stacks import plan, values
from support.tools import tool

from components.spec import ServiceSpec

PATIENCE = 10


@pytest.fixture(params=["aof", "rdb", "none"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[ServiceSpec, Path]]:
    """A server on a socket alone, with a rendered configuration."""
    stack = values(
        "supervisord",
        {"redis": {"persistence": request.param, "policy": "allkeys-lru"}},
        data=str(tmp_path / "stack"),
    )
    spec = plan(stack).service("redis")
    files, socket = lay_out(spec, tmp_path), tmp_path / "socket"
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [tool("redis-server"), str(files["redis.conf"]), "--port", "0", "--unixsocket", str(socket)],
            stdout=log,
            stderr=log,
        )
        try:
            deadline = time.monotonic() + PATIENCE
            while not answers(socket):
                assert process.poll() is None, (tmp_path / "log").read_text()
                assert time.monotonic() < deadline, (tmp_path / "log").read_text()
                time.sleep(0.02)
            yield spec, socket
        finally:
            process.terminate()
            process.wait(PATIENCE)


def answers(socket: Path) -> bool:
    try:
        return client(socket, username="health", password="health").ping()
    except redis.ConnectionError:
        return False


def client(socket: Path, **account: Any) -> redis.Redis:
    # A refused password counts as a lost connection there, which by default is tried again and again.
    return redis.Redis(
        unix_socket_path=str(socket), decode_responses=True, retry=Retry(NoBackoff(), 0), **account
    )


def test_it_runs_with_the_rendered_configuration(server: tuple[ServiceSpec, Path]) -> None:
    spec, socket = server
    owner = client(socket, password=secret_values(spec)["redis"])
    (line,) = [line for line in spec.files[0].content.splitlines() if line.startswith("maxmemory ")]
    assert owner.config_get("maxmemory")["maxmemory"] == line.split()[1]
    assert owner.config_get("maxmemory-policy")["maxmemory-policy"] == "allkeys-lru"
    assert owner.set("key", "value")


def test_nobody_gets_in_without_the_password_but_a_ping(server: tuple[ServiceSpec, Path]) -> None:
    _, socket = server
    with pytest.raises(redis.AuthenticationError):
        client(socket).get("key")
    with pytest.raises(redis.AuthenticationError):
        client(socket, password="wrong").get("key")
    health = client(socket, username="health", password="health")
    assert health.ping()
    for attempt in (lambda: health.get("key"), lambda: health.config_get("*"), lambda: health.acl_whoami()):
        with pytest.raises(redis.exceptions.NoPermissionError):
            attempt()
