"""Containers that reach an Ollama which runs natively on the host, under a seccomp profile of the owner's."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import httpx
import pytest
from docker.models.containers import Container

from components.catalog import ollama
from tests.e2e import probes
from tests.e2e.programs import programs
from tests.e2e.story import eventually, plan, settled, smoke
from tests.e2e.workbench import Workbench

FRONT, OLLAMA = 61180, 61534
STACK = "outward"
# Everything that no container of this stack does is allowed: what is tested is that the profile is in force.
PROFILE = {
    "defaultAction": "SCMP_ACT_ALLOW",
    "syscalls": [{"names": ["symlink", "symlinkat"], "action": "SCMP_ACT_ERRNO"}],
}
CONFIG: dict[str, Any] = {
    "runtime": "docker",
    "host": {"reserve": "512MiB"},
    "services": {"ollama": {"external": f"host.docker.internal:{OLLAMA}"}, "nginx": {"port": FRONT}},
}


@pytest.fixture(scope="module")
def native(scratch: Path) -> Iterator[Callable[[str], None]]:
    """Starts the host's own Ollama on an address, in the place of the one before."""
    program, running = programs("ollama", ollama.PACKAGE, scratch / "native") / "ollama", []

    def listen(address: str) -> None:
        stop()
        environment = {**os.environ, "HOME": str(scratch), "OLLAMA_HOST": f"{address}:{OLLAMA}"}
        with (scratch / "ollama.log").open("ab") as log:
            running.append(subprocess.Popen([program, "serve"], env=environment, stdout=log, stderr=log))
        eventually(lambda: httpx.get(f"http://127.0.0.1:{OLLAMA}/api/version").status_code == 200)

    def stop() -> None:
        for process in running:
            process.terminate()
            process.wait(20)
        running.clear()

    yield listen
    stop()


@pytest.fixture(scope="module")
def stack(bench: Callable[..., Workbench], containers: str, native: Callable[[str], None]) -> Workbench:
    """The stack, refused while nobody can reach Ollama, and then up."""
    made = bench(STACK, CONFIG | {"images": {"nginx": containers}})
    profile = made.directory / "seccomp.json"
    profile.write_text(json.dumps(PROFILE))
    made.configure(
        CONFIG
        | {"images": {"nginx": containers}, "data": str(made.root), "docker": {"seccomp": str(profile)}}
    )
    native("127.0.0.1")
    refused = made.up(check=False)
    assert refused.status != 0
    assert "where containers reach this host, not on 127.0.0.1 alone" in refused.text
    assert docker.from_env().containers.list(filters={"label": f"hearth.stack={STACK}"}) == []
    native("0.0.0.0")
    made.up()
    return made


def _door() -> Container:
    return docker.from_env().containers.get(f"{STACK}-nginx")


def test_nothing_is_left_to_do(stack: Workbench) -> None:
    settled(stack)


def test_a_prompt_is_answered_by_the_hosts_ollama_through_the_container(stack: Workbench) -> None:
    smoke(stack)
    assert len(probes.streamed_words(f"http://127.0.0.1:{FRONT}", probes.RANDOM_MODEL)) > 2
    names = [model["name"] for model in httpx.get(f"http://127.0.0.1:{OLLAMA}/api/tags").json()["models"]]
    assert any(name.startswith(probes.RANDOM_MODEL) for name in names)


def test_nothing_is_made_of_what_somebody_else_runs(stack: Workbench) -> None:
    found = docker.from_env().containers.list(all=True, filters={"label": f"hearth.stack={STACK}"})
    assert [container.name for container in found] == [f"{STACK}-nginx"]
    assert f"ollama: run by somebody else at host.docker.internal:{OLLAMA}" in plan(stack)["notes"]


def test_the_profile_is_in_force(stack: Workbench) -> None:
    status = Path(f"/proc/{_door().attrs['State']['Pid']}/status").read_text()
    assert "\nSeccomp:\t2\n" in status
    linked = _door().exec_run(["ln", "-s", "a", "/run/hearth/b"])
    assert linked.exit_code == 1
    assert b"Operation not permitted" in linked.output


def test_apparmors_own_profile_holds_where_the_kernel_has_it(stack: Workbench) -> None:
    options = docker.from_env().info()["SecurityOptions"]
    enabled = Path("/sys/module/apparmor/parameters/enabled")
    assert ("name=apparmor" in options) is (enabled.exists() and enabled.read_text().strip() == "Y")
    if "name=apparmor" in options:
        current = Path(f"/proc/{_door().attrs['State']['Pid']}/attr/current").read_text()
        assert current.startswith("docker-default")


def test_a_profile_that_cannot_be_read_changes_nothing(stack: Workbench) -> None:
    before, profile = _door().id, stack.directory / "seccomp.json"
    profile.write_text("{")
    failed = stack.up(check=False)
    assert failed.status != 0
    assert "is no seccomp profile" in failed.text
    assert _door().id == before
    profile.write_text(json.dumps(PROFILE))
    stack.assert_nothing_to_do()
