"""What containers take, as cAdvisor tells Prometheus: every figure that a panel or an alert asks for, on a real kernel.

It is cAdvisor's library with a launcher of the tests (``tests.standins``): its own program is in no registry of packages.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import docker
import pytest
from docker.models.containers import Container
from support.stacks import plan

from tests.e2e.beside import Beside
from tests.e2e.story import eventually, settled
from tests.e2e.workbench import Workbench

STACK = "measuredbox"
MIB = 1024**2
LIMITS = {"redis": 128 * MIB, "ollama": 1024 * MIB, "prometheus": 256 * MIB, "cadvisor": 128 * MIB}
SERVICES: dict[str, Any] = {
    # With a limit of its CPU, for a figure of how often it is held back.
    "redis": {"memory": "128MiB", "cpus": 0.5},
    "ollama": {"memory": "1GiB", "max-loaded": 1},
    "prometheus": {"memory": "256MiB", "interval": "1s"},
    "cadvisor": {"memory": "128MiB"},
}
BESIDE = Beside(STACK)
OURS = f'container_label_hearth_stack="{STACK}"'
LABEL = "container_label_hearth_service"
# Holds memory until the container holds 95 % of its limit, beside files that the kernel may let go of.
HOLD = """
import pathlib, time
places = [pathlib.Path("/sys/fs/cgroup/memory"), pathlib.Path("/sys/fs/cgroup")]
place = next(one for one in places if (one / "memory.stat").exists())
(usage,) = [one for one in (place / "memory.usage_in_bytes", place / "memory.current") if one.exists()]
kept = []
while True:
    figures = dict(line.split() for line in (place / "memory.stat").read_text().splitlines())
    held = int(usage.read_text()) - int(figures["active_file"]) - int(figures["inactive_file"])
    if held > 0.95 * LIMIT:
        break
    kept.append(b"x" * 2**19)
time.sleep(120)
"""


def values(containers: str, services: dict[str, Any]) -> dict[str, Any]:
    return {
        "runtime": "docker",
        "host": {"reserve": "512MiB"},
        "services": services,
        "images": dict.fromkeys(services, containers),
    }


@pytest.fixture(scope="module")
def stack(bench: Callable[..., Workbench], containers: str) -> Workbench:
    """The stack, up."""
    made = bench(STACK, values(containers, SERVICES))
    made.up()
    return made


@pytest.fixture(scope="module")
def stranger(containers: str) -> Iterator[Container]:
    """A container of another stack on the same daemon."""
    labels = {"hearth.stack": "somewhere-else", "hearth.service": "stranger"}
    name = f"stranger-{uuid.uuid4().hex[:8]}"
    words = {"labels": labels, "name": name, "mem_limit": "32m", "network_mode": "none", "detach": True}
    made = docker.from_env().containers.run(containers, ["sleep", "600"], **words)
    yield made
    made.remove(force=True)


@pytest.fixture(scope="module")
def panels(stack: Workbench, containers: str) -> dict[str, str]:
    """Title to query of each that asks for figures of containers, as a Grafana in this stack would show them."""
    whole = {**values(containers, {**SERVICES, "grafana": {}}), "data": str(stack.root)}
    boards = [
        file for file in plan(whole, name=STACK).service("grafana").files if file.path.endswith(".json")
    ]
    drawn = [panel for board in boards for panel in json.loads(board.content)["panels"]]
    queries = {panel["title"]: panel["targets"][0]["expr"] for panel in drawn}
    return {title: query for title, query in queries.items() if "container_" in query}


def told(query: str) -> set[str]:
    return {labels[LABEL] for labels, _ in BESIDE.series(query) if LABEL in labels}


def by_service(query: str) -> dict[str, float]:
    return {labels[LABEL]: value for labels, value in BESIDE.series(query)}


def test_its_job_is_up(stack: Workbench) -> None:
    eventually(lambda: [value for _, value in BESIDE.series('up{job="cadvisor"}')] == [1])


def test_every_container_s_limit_is_the_declared_one(stack: Workbench) -> None:
    query = f"container_spec_memory_limit_bytes{{{OURS}}}"
    eventually(lambda: by_service(query).keys() == LIMITS.keys())
    assert by_service(query) == LIMITS


def test_what_a_container_takes_is_what_docker_counts(stack: Workbench) -> None:
    query = f'container_memory_usage_bytes{{{OURS},{LABEL}="redis"}}'
    ((_, taken),) = eventually(lambda: BESIDE.series(query))
    counted = BESIDE.container("redis").stats(stream=False)["memory_stats"]["usage"]
    assert taken == pytest.approx(counted, abs=4 * MIB)


def test_every_panel_that_asks_for_containers_has_figures_of_this_stack_alone(
    stack: Workbench, stranger: Container, panels: dict[str, str]
) -> None:
    everywhere = f'container_memory_usage_bytes{{{LABEL}="stranger"}}'
    eventually(lambda: BESIDE.series(everywhere), seconds=60)
    assert len(panels) == 6
    for title, query in panels.items():
        # Of Ollama's own panels each is one graph; how often a CPU was held back is known where it has a limit.
        known = set() if title.startswith("ollama") else {"redis"} if "held back" in title else set(LIMITS)
        assert eventually(lambda query=query: BESIDE.series(query), seconds=60), title
        # A rate takes two scrapes.
        eventually(lambda query=query, known=known: told(query) == known, seconds=60)


def test_nothing_else_of_the_host_is_told(stack: Workbench) -> None:
    found = BESIDE.series('container_memory_usage_bytes{id!="/",container_label_hearth_stack=""}')
    known = {one.id for one in docker.from_env().containers.list()}
    assert [labels["id"] for labels, _ in found if labels["id"].rpartition("/")[2] not in known] == []


def test_a_container_that_nearly_reaches_its_limit_is_an_alert(stack: Workbench) -> None:
    def alerts() -> list[dict[str, Any]]:
        found = BESIDE.asked("prometheus", 9090, "/api/v1/alerts")["data"]["alerts"]
        return [one for one in found if one["labels"]["alertname"] == "ContainerMemoryHigh"]

    assert alerts() == []
    script = f"LIMIT = {LIMITS['redis']}{HOLD}"
    BESIDE.container("redis").exec_run(["python3", "-c", script], detach=True)
    (one,) = eventually(alerts, seconds=60)
    # It fires once it has lasted five minutes.
    assert one["state"] == "pending"
    assert one["labels"]["service"] == "redis"
    assert 90 < float(one["value"]) <= 100


def test_it_stays_within_its_own_limit(stack: Workbench) -> None:
    one = BESIDE.container("cadvisor")
    assert not one.attrs["State"]["OOMKilled"] and one.attrs["RestartCount"] == 0


def test_nothing_is_left_to_do(stack: Workbench) -> None:
    settled(stack)
