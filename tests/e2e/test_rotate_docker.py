"""Secrets replaced in containers while clients ask: servers stay, who shows a secret is replaced one by one."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import docker
import httpx
import psycopg
import pytest
import redis
from docker.models.containers import Container

from tests.e2e import shop
from tests.e2e.image import POSTGRES
from tests.e2e.leaks import leaks
from tests.e2e.load import steady
from tests.e2e.story import settled
from tests.e2e.workbench import Workbench

STACK, FRONT = "rotatedbox", 61150
CONFIG: dict[str, Any] = {
    "runtime": "docker",
    "host": {"reserve": "512MiB"},
    "services": {
        "redis": {"memory": "64MiB"},
        "postgres": {"memory": "256MiB", "version": POSTGRES, "max-connections": 40},
        "nginx": {"port": FRONT},
        "api": shop.api(),
    },
}


@pytest.fixture(scope="module")
def stack(bench: Callable[..., Workbench], containers: str) -> Workbench:
    """The stack, up, with a note in it."""
    made = bench(STACK, {**CONFIG, "images": dict.fromkeys(CONFIG["services"], containers)})
    made.up()
    asked("/notes", text="bread")
    return made


def asked(path: str, **body: str) -> Any:
    url = f"http://127.0.0.1:{FRONT}/api{path}"
    return (
        httpx.request("POST" if body else "GET", url, json=body or None, timeout=60).raise_for_status().json()
    )


def container(service: str) -> Container:
    return docker.from_env().containers.get(f"{STACK}-{service}")


def shown(name: str, server: str) -> str:
    """An address with its password as the API has it, the server by its number."""
    code, output = container("api-1").exec_run(["cat", f"/run/hearth-secrets/{name}"])
    assert code == 0
    networks = container(server).attrs["NetworkSettings"]["Networks"]
    address = networks[f"{STACK}-data"]["IPAddress"]
    return output.decode().strip().replace(f"@{server}:", f"@{address}:")


def refused(url: str) -> bool:
    """Whether the server itself says no."""
    try:
        if url.startswith("redis"):
            redis.Redis.from_url(url).ping()
        else:
            psycopg.connect(url).close()
    except (redis.AuthenticationError, psycopg.OperationalError) as error:
        return "refused" not in str(error)
    return False


@pytest.mark.parametrize(
    ("name", "file", "server"),
    [
        ("postgres-shop", "DATABASE_URL", "postgres"),
        pytest.param("redis", "REDIS_URL", "redis", marks=pytest.mark.long),
    ],
)
def test_no_request_fails_and_the_old_value_is_dead(
    stack: Workbench, name: str, file: str, server: str
) -> None:
    old, before = shown(file, server), {one: container(one).id for one in CONFIG["services"] if one != "api"}
    assert not refused(old)
    with steady({"visits": lambda: asked("/"), "notes": lambda: asked("/notes")}) as load:
        time.sleep(2)
        done = stack.run(".venv/bin/python", "-m", "ops", "rotate", name, "--stack", STACK, "--json")
        time.sleep(2)
    told = json.loads(done.text[done.text.index("\n{\n") :])
    print(told, load.answered, f"slowest {load.slowest:.2f} s", load.failed[:3])
    assert load.failed == []
    assert set(load.answered) == {"visits", "notes"}
    assert told["restarted"] == ["api-1", "api-2"]
    new = shown(file, server)
    assert stack.secret(name) in new
    assert stack.secret(name) not in old
    assert refused(old)
    assert not refused(new)
    assert {one: container(one).id for one in before} == before, "servers ran on"
    assert "bread" in asked("/notes")
    settled(stack)


def test_no_secret_is_in_plain_text(stack: Workbench) -> None:
    assert leaks(stack, docker=True) == []
