"""Programs of the owner's own in containers: files from a volume, limits of the kernel, a job and its times."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docker
import httpx
import pytest
from docker.models.containers import Container

from tests.e2e.story import eventually, settled, touched_by
from tests.e2e.workbench import Workbench

FRONT, STACK = 63180, "owned"
MIB = 1024**2
PAGE = "<title>Contained</title>"


def config(site: Path) -> dict[str, Any]:
    tick = ["sh", "-c", "echo ticked; date +%s >>/var/lib/hearth/ticks"]
    return {
        "runtime": "docker",
        "host": {"reserve": "512MiB"},
        "services": {
            "nginx": {"port": FRONT},
            "site": {"type": "frontend", "directory": str(site), "replicas": 2},
            "agents": {
                "type": "agent",
                "replicas": 3,
                "memory": "48MiB",
                "cpus": "250m",
                "command": ["sleep", "3000"],
                "grace": 1,
            },
            "tick": {"type": "cronjob", "schedule": "* * * * *", "memory": "32MiB", "command": tick},
        },
    }


@pytest.fixture(scope="module")
def site(scratch: Path) -> Path:
    """A page of the owner's."""
    directory = scratch / "site"
    directory.mkdir()
    (directory / "index.html").write_text(PAGE)
    return directory


@pytest.fixture(scope="module")
def values(site: Path, containers: str) -> dict[str, Any]:
    found = config(site)
    return {**found, "images": dict.fromkeys(found["services"], containers)}


@pytest.fixture(scope="module")
def stack(bench: Callable[..., Workbench], values: dict[str, Any]) -> Workbench:
    """The stack, up."""
    made = bench(STACK, values)
    values["data"] = str(made.root)
    made.up()
    return made


def container(service: str) -> Container:
    return docker.from_env().containers.get(f"{STACK}-{service}")


def limit(service: str) -> int:
    """The memory limit as the kernel has it, in either cgroup hierarchy."""
    pid = container(service).attrs["State"]["Pid"]
    groups = dict(line.split(":", 2)[1:] for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines())
    v1 = Path(f"/sys/fs/cgroup/memory{groups.get('memory', '')}/memory.limit_in_bytes")
    v2 = Path(f"/sys/fs/cgroup{groups.get('', '')}/memory.max")
    return int((v1 if v1.exists() else v2).read_text())


def test_a_page_is_served_from_a_volume_by_both_replicas(stack: Workbench) -> None:
    for path in ("/", "/some/page"):
        assert httpx.get(f"http://127.0.0.1:{FRONT}{path}").text == PAGE
    # By its one name the front door finds both.
    known = container("nginx").exec_run(["getent", "ahosts", "site"]).output.decode().split()
    networks = [container(f"site-{number}").attrs["NetworkSettings"]["Networks"] for number in (1, 2)]
    assert {networks[number][f"{STACK}-backend"]["IPAddress"] for number in (0, 1)} <= set(known)


def test_a_request_reaches_the_other_replica_while_one_is_stopped(stack: Workbench) -> None:
    container("site-1").stop(timeout=1)
    try:
        for _ in range(10):
            assert httpx.get(f"http://127.0.0.1:{FRONT}/").status_code == 200
    finally:
        container("site-1").start()
    eventually(lambda: container("site-1").attrs["State"]["Health"]["Status"] == "healthy", seconds=60)


def test_the_limit_of_each_agent_is_one_that_the_kernel_keeps(stack: Workbench) -> None:
    assert [limit(f"agents-{number}") for number in (1, 2, 3)] == [48 * MIB] * 3
    assert container("agents-1").attrs["HostConfig"]["NanoCpus"] == 250_000_000


def test_a_job_runs_at_once_when_asked_and_on_the_minute(stack: Workbench) -> None:
    def ticks() -> list[int]:
        return [
            int(line) for line in container("tick").exec_run(["cat", "/var/lib/hearth/ticks"]).output.split()
        ]

    run = stack.run(".venv/bin/python", "-m", "ops", "run", "tick", "--stack", STACK)
    assert "tick: ended well after" in run.text
    record = json.loads(container("tick").exec_run(["cat", "/var/lib/hearth/last-run.json"]).output)
    assert record["exit"] == 0
    before = len(ticks())
    eventually(lambda: any(tick % 60 < 3 for tick in ticks()[before:]), seconds=75)


def test_nothing_is_left_to_do(stack: Workbench) -> None:
    settled(stack)


def test_another_page_is_another_volume_and_the_old_one_goes(
    stack: Workbench, site: Path, values: dict[str, Any]
) -> None:
    def sources() -> set[str]:
        labels = [f"hearth.stack={STACK}", "hearth.role=config"]
        volumes = docker.from_env().volumes.list(filters={"label": labels})
        return {volume.name for volume in volumes if "-source-" in volume.name}

    before = sources()
    assert len(before) == 2
    (site / "index.html").write_text(PAGE.replace("Contained", "Changed"))
    touched = touched_by(stack, values)
    assert {"site-1-source", "site-1-container", "site-2-source", "site-2-container"} <= touched
    assert not any(name.startswith(("agents", "tick")) for name in touched)
    stack.up()
    eventually(lambda: "Changed" in httpx.get(f"http://127.0.0.1:{FRONT}/").text)
    assert len(sources()) == 2
    assert not sources() & before
