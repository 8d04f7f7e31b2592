"""Containers that run already are taken into a stack that has no state of them: they run on, nothing differs."""

from __future__ import annotations

import copy
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import docker
import pytest
from docker.models.containers import Container

from tests.e2e.leaks import leaks
from tests.e2e.story import settled
from tests.e2e.workbench import Finished, Workbench

STACK, FRONT = "adopted", 61170
CONFIG: dict[str, Any] = {
    "runtime": "docker",
    "host": {"reserve": "512MiB"},
    "services": {"redis": {"memory": "64MiB"}, "nginx": {"port": FRONT}},
}


@pytest.fixture(scope="module")
def values(containers: str) -> dict[str, Any]:
    return {**CONFIG, "images": dict.fromkeys(CONFIG["services"], containers)}


@pytest.fixture(scope="module")
def stack(bench: Callable[..., Workbench], values: dict[str, Any]) -> Iterator[Workbench]:
    """What runs and holds data, and a stack that knows nothing of it: its state was lost."""
    made = bench(STACK, values)
    values["data"] = str(made.root)
    made.up()
    assert redis("SET kept yes") == "OK"
    lost(made)
    yield made
    for box in docker.from_env().containers.list(all=True, filters={"label": f"hearth.stack={STACK}"}):
        box.remove(force=True)


def lost(stack: Workbench) -> None:
    """Its state is gone; all that runs is not."""
    stack.pulumi("stack", "rm", "--force", "--yes", "--preserve-config")
    stack.pulumi("stack", "init", STACK)


def container(service: str) -> Container:
    return docker.from_env().containers.get(f"{STACK}-{service}")


def started() -> dict[str, tuple[str, str]]:
    """Identity and start of each container."""
    found = {name: container(name) for name in CONFIG["services"]}
    return {name: (box.id, box.attrs["State"]["StartedAt"]) for name, box in found.items()}


def redis(command: str) -> str:
    script = f"REDISCLI_AUTH=$(cat /run/hearth-secrets/password) redis-cli {command}"
    code, output = container("redis").exec_run(["sh", "-c", script])
    assert code == 0, output
    return output.decode().strip()


def adopt(stack: Workbench, *words: str, check: bool = True) -> Finished:
    return stack.run(".venv/bin/python", "-m", "ops", "adopt", "--stack", STACK, *words, check=check)


def known(stack: Workbench) -> int:
    """How many resources the state has."""
    return len(json.loads(stack.pulumi("stack", "export").text)["deployment"].get("resources") or [])


def test_a_dry_run_names_everything_and_changes_nothing(stack: Workbench) -> None:
    before = started()
    told = json.loads(adopt(stack, "--dry-run", "--json").text)
    assert {(one["kind"], one["name"]) for one in told["adopted"]} == {
        ("network", f"{STACK}-data"), ("network", f"{STACK}-backend"), ("network", f"{STACK}-frontend"),
        ("volume", f"{STACK}-redis-data"), ("volume", f"{STACK}-redis-secrets"),
        ("container", f"{STACK}-redis"), ("container", f"{STACK}-nginx"),
    }  # fmt: skip
    assert not any(one["differences"] for one in told["adopted"])
    assert told["made"] == []
    assert known(stack) == 0
    assert started() == before


def test_what_is_otherwise_is_refused_with_each_difference(stack: Workbench, values: dict[str, Any]) -> None:
    before, key = started(), stack.root / "secrets" / "redis"
    changed = copy.deepcopy(values)
    changed["services"]["redis"] |= {"memory": "96MiB", "cpus": 0.5, "publish": True}
    stack.configure(changed)
    right = key.read_text()
    key.write_text("another one, which nobody has")
    try:
        refused = adopt(stack, check=False)
    finally:
        key.write_text(right)
        stack.configure(values)
    assert refused.status == 1
    for line in (
        f"container {STACK}-redis: memory (MiB) is 64, and would be 96",
        f"container {STACK}-redis: cpus is 0.0, and would be 0.5",
        f"container {STACK}-redis: published ports is nothing, and would be 127.0.0.1:6379->6379",
        f"container {STACK}-redis: users.acl, which has secrets in it, is otherwise",
    ):
        assert line in refused.text
    assert "another one" not in refused.text
    assert "mounts is " in refused.text, "another configuration is another volume"
    assert "nginx:" not in refused.text
    assert known(stack) == 0
    assert started() == before


def test_a_missing_secret_is_refused_and_none_is_made(stack: Workbench) -> None:
    key = stack.root / "secrets" / "redis"
    aside = key.rename(key.with_name("aside"))
    try:
        refused = adopt(stack, check=False)
        assert f"{key} is missing" in refused.text
        assert not key.exists()
    finally:
        aside.rename(key)


def test_what_runs_is_taken_as_it_is(stack: Workbench) -> None:
    before = started()
    done = adopt(stack)
    print(done.text)
    assert started() == before
    assert redis("GET kept") == "yes"
    settled(stack)
    assert started() == before
    assert leaks(stack, docker=True) == []


def test_it_can_be_taken_back_and_adopted_again(stack: Workbench) -> None:
    before = started()
    adopt(stack, "--undo")
    assert known(stack) == 0
    assert started() == before
    again = adopt(stack, "--undo", check=False)
    assert again.status == 1
    assert "nothing was adopted here" in again.text
    adopt(stack)
    assert started() == before


def test_what_was_deployed_since_is_not_taken_back(stack: Workbench, values: dict[str, Any]) -> None:
    changed = copy.deepcopy(values)
    del changed["services"]["nginx"], changed["images"]["nginx"]
    stack.configure(changed)
    stack.up()
    refused = adopt(stack, "--undo", check=False)
    assert "was deployed since" in refused.text
    stack.configure(values)
    stack.up()
    settled(stack)


@pytest.mark.parametrize("seconds", [1, *(pytest.param(at, marks=pytest.mark.long) for at in (0, 2, 5))])
def test_a_killed_adoption_is_ended_by_the_next(stack: Workbench, seconds: float) -> None:
    lost(stack)
    (stack.root / "secrets" / ".adopted").unlink(missing_ok=True)
    before = started()
    running = subprocess.Popen(
        stack.words(".venv/bin/python", "-m", "ops", "adopt", "--stack", STACK),
        cwd=stack.directory, env=stack.environment, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    while not (stack.root / "secrets" / ".adopted").exists():
        assert running.poll() is None
        time.sleep(0.02)
    time.sleep(seconds)
    os.killpg(running.pid, signal.SIGKILL)
    running.communicate()
    print(f"killed {seconds} s after its first step with {known(stack)} resources in the state")
    # A quick machine may have been done.
    if running.returncode:
        adopt(stack)
    assert started() == before
    settled(stack)


def test_a_destroy_keeps_the_adopted_volume(stack: Workbench) -> None:
    stack.destroy()
    assert not docker.from_env().containers.list(all=True, filters={"label": f"hearth.stack={STACK}"})
    stack.up()
    assert redis("GET kept") == "yes"
