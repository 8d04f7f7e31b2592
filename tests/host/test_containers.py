"""``volume-files`` and ``ready`` with a real Docker daemon."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import docker
import pytest

from tests.e2e.image import reference
from tests.host.machine import Machine

IMAGE = reference()
UID = 10999


@pytest.fixture
def engine() -> Iterator[Any]:
    """A client; what tests made is removed after them."""
    client = docker.from_env()
    yield client
    for container in client.containers.list(all=True, filters={"name": "th-"}, ignore_removed=True):
        container.remove(force=True, v=True)
    for volume in client.volumes.list(filters={"name": "th-"}):
        volume.remove(force=True)
    assert not [
        entry
        for entry in client.containers.list(all=True, filters={"label": "hearth.helper"}, ignore_removed=True)
        if "th-" in entry.labels["hearth.helper"]
    ]
    client.close()


def document(files: dict[str, str], **more: Any) -> dict:
    return {
        "image": IMAGE,
        "volume": "th-conf",
        "uid": UID,
        "files": [{"path": path, "content": text, "mode": "0400"} for path, text in files.items()],
        **more,
    }


def ok(machine: Machine, verb: str, value: dict) -> str:
    done = machine.verb(verb, document=value)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def refused(machine: Machine, verb: str, value: dict) -> str:
    done = machine.verb(verb, document=value)
    assert done.returncode == 1, (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    return done.stderr


def listing(engine: Any, volume: str) -> str:
    command = ["sh", "-c", "cd /v; find . -printf '%p %u %m %s\\n' | sort; [ ! -e a ] || echo $(cat a)"]
    return engine.containers.run(
        IMAGE, command, name="th-look", volumes={volume: {"bind": "/v"}}, remove=True
    ).decode()


def test_files_owners_and_generation(machine: Machine, engine: Any) -> None:
    first = ok(machine, "volume-files", document({"a": "one", "sub/b": "two"}, owned=[{"volume": "th-data"}]))
    assert ok(machine, "volume-files", document({"a": "one", "sub/b": "two"})) == first
    assert listing(engine, "th-conf").splitlines() == [
        f". {UID} 750 4096",
        f"./.hearth-generation {UID} 400 16",
        f"./a {UID} 400 3",
        f"./sub {UID} 750 4096",
        f"./sub/b {UID} 400 3",
        "one",
    ]
    assert listing(engine, "th-data").startswith(f". {UID} 700")
    second = ok(machine, "volume-files", document({"a": "changed"}))
    assert second != first
    assert "./sub/b 10999 400 0" in listing(engine, "th-conf"), "a file no longer listed is emptied"
    assert ok(machine, "volume-files", document({"a": "changed"})) == second


def test_a_check_that_fails_says_why_and_leaves_no_container(machine: Machine, engine: Any) -> None:
    check = {
        "argv": ["sh", "-c", "id -u; touch /x; grep -q good /etc/conf/a || { echo bad line 1; exit 4; }"],
        "networks": [],
        "mounts": {"th-conf": "/etc/conf"},
        "env": {},
        "tmpfs": {"/tmp": "mode=1777"},
        "user": UID,
    }
    errors = refused(machine, "volume-files", document({"a": "wrong"}, check=check))
    assert "exit status 4" in errors
    assert "bad line 1" in errors
    assert str(UID) in errors
    assert "Read-only file system" in errors
    ok(machine, "volume-files", document({"a": "good"}, check=check))


def test_a_check_runs_as_the_account_of_the_service(machine: Machine, engine: Any) -> None:
    check = {
        "argv": ["sh", "-c", 'id -u; grep -q good "$0"', "/etc/conf/a"],
        "mounts": {"th-conf": "/etc/conf"},
    }
    # The file is its owner's alone, so any other account would find it missing.
    for uid in (0, UID):
        value = document({"a": "good"}, check={**check, "user": uid})
        ok(machine, "volume-files", {**value, "uid": uid})
    assert refused(machine, "volume-files", document({"a": "bad"}, check={**check, "user": 0}))


def test_a_path_out_of_the_volume_is_refused(machine: Machine, engine: Any) -> None:
    assert "inside the volume" in refused(machine, "volume-files", document({"../a": "x"}))


def test_a_helper_left_by_a_kill_goes_with_the_next_run(machine: Machine, engine: Any) -> None:
    for delay in (0.3, 0.45, 0.6):
        process = machine.popen("volume-files", document=document({"a": str(delay)}))
        time.sleep(delay)
        process.kill()
        process.communicate()
    ok(machine, "volume-files", document({"a": "end"}))


def test_ready_waits_and_runs_tasks(machine: Machine, engine: Any) -> None:
    health = {"test": ["CMD", "redis-cli", "ping"], "interval": 500_000_000, "timeout": 10**9, "retries": 3}
    engine.containers.run(IMAGE, ["redis-server"], name="th-redis", detach=True, healthcheck=health)
    tasks = [
        {"name": "set", "argv": ["redis-cli", "set", "k", "v"], "timeout": 5, "optional": False},
        {"name": "slow", "argv": ["sleep", "3"], "timeout": 0.3, "optional": True},
    ]
    value = {
        "container": "th-redis",
        "service": "redis",
        "health": {"interval": 1, "timeout": 1, "retries": 5, "start_period": 5},
        "tasks": tasks,
    }
    assert ok(machine, "ready", value) == "redis: ready; optional tasks failed: slow"
    assert engine.containers.get("th-redis").exec_run(["redis-cli", "get", "k"]).output == b"v\n"
    assert "task set failed: exit status 1" in refused(
        machine, "ready", {**value, "tasks": [{"name": "set", "argv": ["false"]}]}
    )


def test_ready_gives_up_early_and_says_why(machine: Machine, engine: Any) -> None:
    patient = {"interval": 5, "timeout": 5, "retries": 6, "start_period": 600}
    engine.containers.run(IMAGE, ["sh", "-c", "echo no such database; exit 3"], name="th-exits", detach=True)
    engine.containers.run(IMAGE, ["false"], name="th-loops", detach=True, restart_policy={"Name": "always"})
    hungry = ["perl", "-e", '$x = "a" x (300 * 1024 * 1024)']
    engine.containers.run(IMAGE, hungry, name="th-hungry", detach=True, mem_limit="32m", memswap_limit="32m")
    began = time.monotonic()
    for name, words in (
        ("th-exits", "exit status 3"),
        ("th-loops", "times"),
        ("th-hungry", "ran out of memory"),
        ("th-none", "there is no container"),
    ):
        errors = refused(
            machine, "ready", {"container": name, "service": "x", "health": patient, "tasks": []}
        )
        assert words in errors
    assert "no such database" in refused(
        machine, "ready", {"container": "th-exits", "service": "x", "health": patient}
    )
    assert time.monotonic() - began < patient["start_period"] / 2, "it waited for what will not come"


def test_a_daemon_out_of_reach_is_named(machine: Machine) -> None:
    machine.env["DOCKER_HOST"] = "unix:///nonexistent.sock"
    assert "set DOCKER_HOST" in refused(machine, "volume-files", document({"a": "x"}))


def test_a_volume_that_another_stack_owns_is_left_alone(machine: Machine, engine: Any) -> None:
    engine.volumes.create("th-conf", labels={"hearth.stack": "theirs", "hearth.service": "redis"})
    mine = {"hearth.stack": "mine", "hearth.service": "redis"}
    assert "belongs to hearth.stack=theirs" in refused(
        machine, "volume-files", document({"a": "b"}, owner=mine)
    )
    ok(machine, "volume-files", document({"a": "b"}, owner={**mine, "hearth.stack": "theirs"}))


def test_a_key_is_not_made_anew_under_a_volume_that_needs_the_lost_one(machine: Machine, engine: Any) -> None:
    words = ("secret", str(machine.root), "flows-key", "--volume", "th-flows-data")
    assert machine.verb(*words).returncode == 0
    engine.volumes.create("th-flows-data")
    assert machine.verb(*words).returncode == 0
    (machine.root / "secrets/flows-key").unlink()
    done = machine.verb(*words)
    assert done.returncode == 1
    assert "th-flows-data" in done.stderr
