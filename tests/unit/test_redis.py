"""Redis: its limit, its persistence and its accounts."""

from __future__ import annotations

from typing import Any

import pytest
from support.stacks import MIB, plan, values

from components.spec import ServiceSpec


def redis(runtime: str = "docker", **settings: Any) -> ServiceSpec:
    return plan(values(runtime, {"redis": settings})).service("redis")


def text(spec: ServiceSpec, name: str) -> str:
    (found,) = [file.content for file in spec.files if file.path.endswith(f"/{name}")]
    return found


def directives(spec: ServiceSpec) -> dict[str, str]:
    lines = [line.split(" ", 1) for line in text(spec, "redis.conf").splitlines() if line and line[0] != "#"]
    return dict(lines)


@pytest.mark.parametrize("persistence", ["aof", "rdb", "none"])
def test_data_leaves_room_below_the_limit_for_saving(persistence: str) -> None:
    spec = redis(memory="256MiB", persistence=persistence)
    share = int(directives(spec)["maxmemory"]) / spec.resources.memory
    assert 0.4 < share < (0.9 if persistence == "none" else 0.7)


def test_data_and_buffers_leave_a_floor_on_the_smallest_server() -> None:
    assert 32 * MIB - int(directives(redis(memory="32MiB"))["maxmemory"]) >= 8 * MIB


def test_what_is_written_to_disk() -> None:
    aof = directives(redis(persistence="aof"))
    assert (aof["appendonly"], aof["appendfsync"]) == ("yes", "everysec")
    rdb = directives(redis(persistence="rdb"))
    assert rdb["appendonly"] == "no"
    assert rdb["save"].startswith("3600 1")
    none = directives(redis(persistence="none"))
    assert (none["appendonly"], none["save"]) == ("no", '""')


def test_the_policy_is_the_chosen_one() -> None:
    assert directives(redis())["maxmemory-policy"] == "noeviction"
    assert directives(redis(policy="allkeys-lru"))["maxmemory-policy"] == "allkeys-lru"


def test_it_binds_where_its_runtime_says() -> None:
    assert directives(redis("docker"))["bind"] == "0.0.0.0"
    assert directives(redis("supervisord"))["bind"] == "127.0.0.1"
    assert directives(redis("supervisord", port=6400))["port"] == "6400"


def test_nobody_gets_in_without_the_password_but_a_ping() -> None:
    users = text(redis(), "users.acl").splitlines()
    assert users[0].split()[:4] == ["user", "default", "on", ">@@password@@"]
    assert users[1].split() == [
        "user",
        "health",
        "on",
        "nopass",
        "resetkeys",
        "resetchannels",
        "-@all",
        "+ping",
    ]
    assert len(users) == 2


def test_the_password_is_in_secret_files_only() -> None:
    for file in redis().files:
        assert bool(file.secrets) == ("@@" in file.content)


def test_the_health_check_needs_no_password() -> None:
    argv = redis().health.argv
    assert argv[argv.index("--user") + 1] == "health"
    assert argv[-1] == "ping"


def test_each_redis_has_a_password_of_its_own() -> None:
    made = plan(values("docker", {"redis": {}, "cache": {"type": "redis"}}))
    assert made.service("redis").secrets != made.service("cache").secrets
