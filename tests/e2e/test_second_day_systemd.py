"""The second day as system units under a real systemd: times, page, alerts, logs, other passwords, other versions."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from tests.e2e import broken_wheel, kept, shop, writers
from tests.e2e.following import following, logs
from tests.e2e.inside import Inside
from tests.e2e.kept import ops
from tests.e2e.leaks import leaks
from tests.e2e.load import steady
from tests.e2e.shop import Shop, refused
from tests.e2e.story import eventually, settled
from tests.e2e.systemd_machine import SystemdMachine, systemd_machine
from tests.e2e.told import Told
from tests.host.systemd_manager import hierarchies

STACK = "second-day-units"
FIRST, NGINX, API = 61750, 61753, 61754
DOOR = f"http://127.0.0.1:{NGINX}"
MIB = 1024**2
SERVERS = ("alertmanager", "nginx", "postgres", "redis")
REPLICAS = ("api-1", "api-2")


@pytest.fixture(scope="module")
def machine(scratch: Path) -> Iterator[SystemdMachine]:
    with systemd_machine(scratch) as running:
        yield running


@pytest.fixture(scope="module")
def told(scratch: Path) -> Told:
    """A place to be told at."""
    return Told(scratch)


@pytest.fixture(scope="module")
def stack(machine: SystemdMachine, scratch: Path, told: Told) -> Iterator[Inside]:
    """The stack, up, with data of every kind in it."""
    config: dict[str, Any] = kept.config(FIRST) | {
        "runtime": "systemd",
        "systemd": {"scope": "system"},
        "data": str(scratch / "data"),
        # Not while the tests run.
        "backup": {"schedule": time.strftime("%H:%M", time.localtime(time.time() + 12 * 3600))},
        # What this machine's processors do is nobody's fault here.
        "health": {"interval": "2s", "cpu": 100, "alert": {"command": told.command}},
    }
    config["services"]["nginx"] = {"port": NGINX}
    config["services"]["api"] = shop.api() | {"port": API}
    # Debian 12 has this major and no pgvector for it.
    config["services"]["postgres"] |= {"version": 15, "databases": [{"name": "app", "extensions": []}]}
    made = Inside(machine, scratch / "project", config, STACK)
    # A timer hands on where the passphrase is, not the passphrase.
    (scratch / "passphrase").write_text(made.environment.pop("PULUMI_CONFIG_PASSPHRASE"))
    made.environment["PULUMI_CONFIG_PASSPHRASE_FILE"] = str(scratch / "passphrase")
    made.up()
    kept.quick(made)
    kept.fill(made, vector="numeric[]")
    Shop(made, DOOR, FIRST + 1).asked("/notes", text="bread")
    yield made
    made.destroy()


def _page() -> dict[str, Any]:
    return httpx.get(f"{DOOR}/status.json").json()


def _shown() -> dict[str, dict[str, Any]]:
    return {one["service"]: one for one in _page()["services"]}


def _show(stack: Inside, unit: str, name: str) -> str:
    words = ("show", f"--property={name}", "--value", f"hearth-{STACK}-{unit}")
    return stack.machine.systemctl(*words, root=True)


def _stamps(stack: Inside) -> Path:
    """Where systemd keeps when a timer ran last."""
    return Path(f"/proc/{stack.machine.pid}/root/var/lib/systemd/timers")


def _pids(stack: Inside) -> list[str]:
    return [stack.show(name, "MainPID") for name in SERVERS]


def test_a_timer_of_systemd_looks_again_and_again(stack: Inside) -> None:
    assert _show(stack, "watch.timer", "UnitFileState") == "enabled"
    first = eventually(lambda: _show(stack, "watch.timer", "LastTriggerUSec"))
    runs = {_show(stack, "watch.service", "InvocationID")}
    eventually(lambda: runs.add(_show(stack, "watch.service", "InvocationID")) or len(runs) > 2)
    assert _show(stack, "watch.timer", "LastTriggerUSec") != first


def test_a_backup_that_was_slept_through_is_made_up_for(stack: Inside) -> None:
    timer = f"hearth-{STACK}-backup.timer"
    assert _show(stack, "backup.service", "InvocationID") == "" and kept.listed(stack) == []
    # As a machine that was off for two days finds it.
    stack.machine.systemctl("stop", timer, root=True)
    long_ago = time.time() - 2 * 86400
    os.utime(_stamps(stack) / f"stamp-{timer}", (long_ago, long_ago))
    stack.machine.systemctl("start", timer, root=True)
    eventually(lambda: _show(stack, "backup.service", "InvocationID"))
    eventually(lambda: _show(stack, "backup.service", "ActiveState") == "inactive", 90)
    assert _show(stack, "backup.service", "Result") == "success"
    (one,) = kept.listed(stack)
    assert set(one["services"]) >= {"redis", "postgres", "alertmanager"}
    eventually(lambda: all(_shown()[name]["backup"] for name in ("redis", "postgres")))
    settled(stack)


def test_the_page_has_a_figure_of_the_kernel_for_every_service(stack: Inside) -> None:
    found = _shown()
    assert sorted(found) == sorted((*SERVERS, *REPLICAS))
    assert {one["state"] for one in found.values()} == {"answers"}
    limits = {name: stack.limit(name, "memory.max", "memory.limit_in_bytes") for name in found}
    assert {name: one["limit"] for name, one in found.items()} == limits
    for name, one in found.items():
        used = stack.limit(name, "memory.current", "memory.usage_in_bytes")
        assert MIB < one["memory"] < used + 4 * MIB, name
    assert {one["restarts"] for one in found.values()} == {0}
    assert _page()["degraded"] == _page()["refused"] == []


def _fill(stack: Inside, service: str, path: Path, size: int) -> None:
    """Have the kernel count memory against a service that none of its processes has mapped."""
    below = stack.show(service, "ControlGroup").lstrip("/")
    groups = [place / stack.machine.cgroup / below for place in hierarchies()]
    (group,) = [place for place in groups if (place / "memory.stat").exists()]
    script = 'echo $$ >"$1/cgroup.procs" && head -c "$2" /dev/zero >"$3"'
    subprocess.run(["sh", "-c", script, "sh", str(group), str(size), str(path)], check=True)


def test_what_is_over_is_told_of_once_and_once_when_well(stack: Inside, told: Told) -> None:
    assert told.by_command() == []
    path = Path("/dev/shm") / f"{STACK}-filled"
    _fill(stack, "redis", path, 100 * MIB)
    stack.systemctl("stop", "api-2")
    try:
        eventually(lambda: told.events("memory", "redis")["command"] == ["over"], 60)
        eventually(lambda: told.events("answer", "api-2")["command"] == ["over"], 60)
        shown = _shown()
        assert shown["redis"]["memory"] > 100 * MIB and shown["api-2"]["state"].startswith("stopped: ")
        assert any(line.startswith("redis: takes ") for line in _page()["degraded"])
        time.sleep(8)
    finally:
        path.unlink()
        stack.systemctl("start", "api-2")
    eventually(lambda: told.events("memory", "redis")["command"] == ["over", "well"], 60)
    eventually(lambda: told.events("answer", "api-2")["command"] == ["over", "well"], 60)
    assert len(told.by_command()) == 4
    lines = (stack.root / "watch" / "health.log").read_text().splitlines()
    events = [(one["event"], one["kind"]) for one in map(json.loads, lines) if one["event"] != "look"]
    assert sorted(events) == [("over", "answer"), ("over", "memory"), ("well", "answer"), ("well", "memory")]


def _wrong(stack: Inside, what: str) -> None:
    """Have PostgreSQL write something."""
    with kept.database(stack) as connection, pytest.raises(psycopg.errors.UndefinedTable):
        connection.execute(f"SELECT * FROM {what}")


def test_logs_are_the_journal_s(stack: Inside, tmp_path: Path) -> None:
    _wrong(stack, "first_nonesuch")
    last = eventually(lambda: [one for one in logs(stack, "postgres", "-n", "50") if "first_nonesuch" in one])
    unit = f"hearth-{STACK}-postgres.service"
    kept_by = stack.machine.call("journalctl", "--unit", unit, "--output=cat", "--no-pager", root=True)
    assert set(last) <= set(kept_by.splitlines())
    with following(stack, tmp_path / "followed", "postgres", "-n", "0") as seen:
        eventually(
            lambda: _wrong(stack, "second_nonesuch") or any("second_nonesuch" in one for one in seen())
        )
        assert not any("first_nonesuch" in one for one in seen())
    time.sleep(2)
    assert not any("nonesuch" in one for one in logs(stack, "postgres", "--since", "1s"))
    named = {line.split(" | ")[0].strip() for line in logs(stack, "-n", "1")}
    # Others say nothing as long as they are well.
    assert named >= {"postgres", "redis"}


@pytest.mark.parametrize(
    ("name", "file"),
    [
        pytest.param("postgres-shop", "DATABASE_URL", marks=pytest.mark.long),
        ("redis", "REDIS_URL"),
    ],
)
def test_another_password_fails_no_request_and_the_old_one_is_dead(
    stack: Inside, name: str, file: str
) -> None:
    there = Shop(stack, DOOR, FIRST + 1)
    old, before = there.delivered(file), _pids(stack)
    assert not refused(old)
    with steady(there.clients()) as load:
        time.sleep(1)
        done = there.rotated(name)
        time.sleep(1)
    print(done, load.answered, f"slowest {load.slowest:.2f} s")
    assert load.failed == []
    assert set(load.answered) == set(there.clients())
    new = there.delivered(file)
    assert stack.secret(name) in new and stack.secret(name) not in old
    assert refused(old) and not refused(new)
    assert _pids(stack) == before, "servers ran on"
    assert "bread" in there.asked("/notes")
    stack.assert_nothing_to_do()


def _lock(stack: Inside) -> dict[str, Any]:
    return json.loads((stack.directory / f"hearth.{STACK}.lock.json").read_text())["packages"]["redis"]


def _deployed(stack: Inside) -> int:
    text = ops(stack, "rollback", "--json").text
    return json.loads(text[text.index("{\n") :])["deployments"][-1]["deployment"]


@pytest.mark.long
def test_an_upgrade_that_does_not_answer_goes_back(stack: Inside, scratch: Path) -> None:
    stack.environment["PIP_FIND_LINKS"] = str(scratch)
    ops(stack, "lock")
    stack.up()
    good, held = _lock(stack), kept.contents(stack)
    with broken_wheel.asked_for(stack, broken_wheel.redis(scratch)):
        with writers.writing(*kept.counters(stack)) as written:
            failed = ops(stack, "upgrade", check=False)
        assert failed.status == 1, failed.text
        assert failed.text.splitlines()[-1].endswith("everything is as it was, and answers")
    there = kept.counted(stack)
    print(f"Redis did not answer for {written[0].downtime:.1f} s; written {there}")
    assert all(0 <= row - one.acknowledged <= 1 for row, one in zip(there, written, strict=True))
    assert kept.contents(stack) == held and _lock(stack) == good
    assert kept.cache(stack).info()["redis_version"].startswith("7.")
    kept.no_mess(stack)
    pids = _pids(stack)
    stack.up()
    assert _pids(stack) == pids
    stack.assert_nothing_to_do()


@pytest.mark.long
def test_an_upgrade_that_answers_can_be_taken_back(stack: Inside, scratch: Path) -> None:
    good, held, number = _lock(stack), kept.contents(stack), _deployed(stack)
    wheel = broken_wheel.redis(scratch, before=broken_wheel.WORKS)
    with broken_wheel.asked_for(stack, wheel):
        assert "every service answers" in ops(stack, "upgrade").text
        stack.assert_nothing_to_do()
        assert _lock(stack)["source"] == "pypi" and kept.contents(stack) == held
        eventually(lambda: "9.9.2" in _shown()["redis"]["version"])
    assert f"went back to deployment {number}" in ops(stack, "rollback", str(number)).text
    assert _lock(stack) == good and kept.contents(stack) == held
    kept.no_mess(stack)
    stack.assert_nothing_to_do()


def test_no_secret_is_in_plain_text(stack: Inside) -> None:
    assert leaks(stack, docker=False, units=[stack.units]) == []


def test_nothing_is_left_of_it(stack: Inside) -> None:
    stack.destroy()
    units = stack.machine.systemctl(
        "list-units", "--all", "--quiet", "--plain", f"hearth-{STACK}-*", root=True
    )
    assert units == "" and not list(stack.units.rglob("hearth-*"))
    assert not list(_stamps(stack).iterdir())
