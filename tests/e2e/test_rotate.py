"""Secrets replaced while clients ask: no request fails, the old value is refused, a kill is picked up."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from host import renewal
from tests.e2e import shop
from tests.e2e.leaks import leaks
from tests.e2e.load import steady
from tests.e2e.processes import processes
from tests.e2e.shop import Shop, refused
from tests.e2e.story import settled
from tests.e2e.workbench import Workbench

REDIS, POSTGRES, NGINX, PGBOUNCER, API = 61100, 61101, 61102, 61103, 61110
HEARTH = (".venv/bin/python", "-m", "ops")
CONFIG: dict[str, Any] = {
    "runtime": "supervisord",
    "host": {"reserve": "512MiB"},
    "services": {
        "redis": {"port": REDIS, "memory": "64MiB"},
        "postgres": {"port": POSTGRES, "memory": "256MiB", "max-connections": 40},
        "pgbouncer": {"port": PGBOUNCER, "pool": 4, "overflow": 2},
        "nginx": {"port": NGINX, "tls": "self-signed"},
        "api": shop.api() | {"port": API},
    },
}


@pytest.fixture(scope="module")
def stack(bench: Callable[..., Workbench]) -> Workbench:
    """The stack, up, with a note in it."""
    made = bench("rotated", CONFIG)
    made.up()
    door(made).asked("/notes", text="bread")
    return made


def door(stack: Workbench) -> Shop:
    return Shop(stack, f"https://127.0.0.1:{NGINX}", POSTGRES, PGBOUNCER)


SERVERS = ("postgres", "redis", "nginx", "pgbouncer")


def pids(stack: Workbench) -> list[int]:
    """The first process of each server, which is there as long as nobody starts it again."""
    found = [processes(stack, service) for service in SERVERS]
    return [min(one, key=lambda process: process.create_time()).pid for one in found]


def test_the_list_says_what_can_be_rotated_and_why_the_rest_cannot(stack: Workbench) -> None:
    done = stack.run(*HEARTH, "rotate", "--stack", stack.stack, "--json")
    found = {one["name"]: one for one in json.loads(done.text)["secrets"]}
    assert found["postgres-shop"]["taken_by"] == ["postgres", "pgbouncer"]
    assert found["postgres-shop"]["restarts"] == ["api-1", "api-2"]
    assert not any(one["refusal"] for one in found.values())


def test_a_dry_run_changes_nothing(stack: Workbench) -> None:
    before = stack.secret("redis")
    done = stack.run(*HEARTH, "rotate", "redis", "--stack", stack.stack, "--dry-run")
    assert "api-1: would start again with it" in done.text
    assert stack.secret("redis") == before
    assert not (stack.root / "secrets" / ".renewed").exists()


def test_what_is_not_deployed_yet_is_not_swept_along(stack: Workbench) -> None:
    changed = {**CONFIG, "data": str(stack.root)}
    changed["services"] = {**CONFIG["services"], "redis": {**CONFIG["services"]["redis"], "memory": "80MiB"}}
    stack.configure(changed)
    done = stack.run(*HEARTH, "rotate", "redis", "--stack", stack.stack, check=False)
    assert done.status == 1
    assert "changes that are not deployed" in done.text
    stack.configure({**CONFIG, "data": str(stack.root)})


def renewals(stack: Workbench, name: str) -> int:
    """How often a secret was replaced."""
    known = renewal.read(stack.root)
    return known[name].count if name in known else 0


@pytest.mark.parametrize(("name", "file"), [("postgres-shop", "DATABASE_URL"), ("redis", "REDIS_URL")])
def test_no_request_fails_and_the_old_value_is_dead(stack: Workbench, name: str, file: str) -> None:
    count = renewals(stack, name)
    old, before = door(stack).delivered(file), pids(stack)
    assert not refused(old)
    with steady(door(stack).clients()) as load:
        time.sleep(2)
        done = door(stack).rotated(name)
        time.sleep(2)
    print(done, load.answered, f"slowest {load.slowest:.2f} s")
    assert done["renewals"] == count + 1
    assert load.failed == []
    assert set(load.answered) == set(door(stack).clients())
    new = door(stack).delivered(file)
    assert stack.secret(name) in new
    assert stack.secret(name) not in old
    assert refused(old)
    assert not refused(new)
    assert pids(stack) == before, "servers ran on"
    assert "bread" in door(stack).asked("/notes")
    settled(stack)


def test_a_certificate_is_another_without_a_hang_up(stack: Workbench) -> None:
    before, running = stack.secret("nginx-tls"), pids(stack)
    with steady({"visits": lambda: door(stack).asked("/")}) as load:
        door(stack).rotated("nginx-tls")
    assert load.failed == []
    assert stack.secret("nginx-tls") != before
    assert pids(stack) == running


KILLS: dict[str, Callable[[Workbench, str], bool]] = {
    "before-anything": lambda stack, name: True,
    "new-value": lambda stack, name: (stack.root / "secrets" / f"{name}..previous").exists(),
    "at-the-server": lambda stack, name: holds(stack, "postgres", "roles.sql", name),
    "at-the-first-consumer": lambda stack, name: holds(stack, "api-1", "DATABASE_URL", name),
    "at-the-last-consumer": lambda stack, name: holds(stack, "api-2", "DATABASE_URL", name),
    "old-value-goes": lambda stack, name: (
        not renewal.read(stack.root)[name].both and (stack.root / "secrets" / f"{name}..previous").exists()
    ),
}


def holds(stack: Workbench, service: str, file: str, name: str) -> bool:
    """Whether a file of a service has been made with the value of now, which another one was before."""
    begun = (stack.root / "secrets" / f"{name}..previous").exists()
    return begun and stack.secret(name) in (stack.root / service / "secrets" / file).read_text()


@pytest.mark.parametrize(
    "point",
    [
        pytest.param(point, marks=() if point == "at-the-first-consumer" else pytest.mark.long)
        for point in KILLS
    ],
)
def test_a_killed_rotation_is_ended_by_the_next(stack: Workbench, point: str) -> None:
    name = "postgres-shop"
    old, first, count = door(stack).delivered("DATABASE_URL"), stack.secret(name), renewals(stack, name)
    running = subprocess.Popen(
        stack.words(*HEARTH, "rotate", name, "--stack", stack.stack),
        cwd=stack.directory, env=stack.environment, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    while not KILLS[point](stack, name):
        assert running.poll() is None
        time.sleep(0.02)
    os.killpg(running.pid, signal.SIGKILL)
    running.communicate()
    if point != "before-anything":
        listed = stack.run(*HEARTH, "rotate", "--stack", stack.stack)
        assert "not ended: rotate it again" in listed.text
    if point != "old-value-goes":
        assert not refused(old), "nothing that shows the old value is shut out"
    done = door(stack).rotated(name)
    assert done["resumed"] is (point != "before-anything")
    # One more than the one before, however it went.
    assert done["renewals"] == count + 1
    assert stack.secret(name) != first
    assert refused(old)
    assert not refused(door(stack).delivered("DATABASE_URL"))
    assert not list((stack.root / "secrets").glob("*..*"))
    settled(stack)


def test_no_secret_is_in_plain_text(stack: Workbench) -> None:
    assert leaks(stack, docker=False) == []


def test_data_and_secrets_outlive_a_destroy(stack: Workbench) -> None:
    stack.destroy()
    stack.up()
    assert "bread" in door(stack).asked("/notes")
    assert Path(stack.root, "secrets", ".renewed").exists()
    settled(stack)
