"""The stack file of the backend without a GPU in containers: its programs and its limits.

The image stands in for the one of ``examples/Dockerfile``: Debian's packages of what the examples require.
What has no program in it (models, stores of documents, what watches) runs in ``test_stack_cpu``.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import docker
import httpx
import pytest
from docker.models.containers import Container
from support.stacks import stack_file

from tests.e2e.kernel import limit
from tests.e2e.leaks import leaks
from tests.e2e.story import eventually, settled
from tests.e2e.workbench import Workbench

STACK = "cpubox"
PARTS = ("nginx", "api", "worker-high", "worker-low", "worker-slow", "redis")
FRONT = 64401
MIB = 1024**2


@pytest.fixture(scope="module")
def stack(bench: Callable[..., Workbench], containers: str) -> Workbench:
    """What of the stack file has its programs in the image, with the file's own numbers."""
    whole = stack_file("cpu")
    whole["services"] = {name: dict(whole["services"][name]) for name in PARTS}
    # The model is not here; and the longest task of these tests takes 8 s.
    whole["services"]["worker-slow"]["uses"] = ["redis"]
    whole["services"]["worker-high"]["lost-after"] = "15s"
    whole["images"] = dict.fromkeys(PARTS, containers)
    whole["host"] = {**whole["host"], "reserve": "512MiB"}
    whole["services"]["nginx"]["port"] = FRONT
    made = bench(STACK, whole)
    made.up()
    return made


def container(service: str) -> Container:
    return docker.from_env().containers.get(f"{STACK}-{service}")


def journal() -> list[list[str]]:
    """What the tasks say that they have done, asked inside of Redis: no port leads there."""
    script = "REDISCLI_AUTH=$(cat /run/hearth-secrets/password) redis-cli --raw LRANGE journal 0 -1"
    code, output = container("redis").exec_run(["sh", "-c", script])
    assert code == 0, output
    return [line.split() for line in output.decode().splitlines() if line]


def api(path: str, **more: Any) -> httpx.Response:
    method = "POST" if "json" in more else "GET"
    return httpx.request(method, f"http://127.0.0.1:{FRONT}/api{path}", timeout=30, **more)


def test_nothing_is_left_to_do(stack: Workbench) -> None:
    settled(stack)


def test_the_api_answers_with_two_processes_a_core_and_one(stack: Workbench) -> None:
    answers = [api("/").json() for _ in range(20)]
    assert answers[-1]["visits"] > answers[0]["visits"]
    # Half a core counts as one; the first process only looks after the others, and health checks are not its own.
    first = str(container("api").attrs["State"]["Pid"])
    own = [row for row in container("api").top(ps_args="-eo pid,ppid")["Processes"] if first in row]
    assert len(own) == 2 * 1 + 1 + 1


@pytest.mark.parametrize("service", ["api", "worker-high", "worker-low", "worker-slow"])
def test_hard_limits_are_the_kernels(stack: Workbench, service: str) -> None:
    pid = container(service).attrs["State"]["Pid"]
    assert int(limit(pid, "memory", "memory.limit_in_bytes", "memory.max")) == 512 * MIB
    quota = limit(pid, "cpu", "cpu.cfs_quota_us", "cpu.max").split()[0]
    assert int(quota) == 50_000


def test_only_the_front_door_has_a_port_on_the_host(stack: Workbench) -> None:
    open_ports = {name: container(name).attrs["HostConfig"]["PortBindings"] or {} for name in PARTS}
    assert [name for name, ports in open_ports.items() if ports] == ["nginx"]
    assert {one["HostIp"] for found in open_ports["nginx"].values() for one in found} == {"127.0.0.1"}


def test_the_api_answers_while_every_processor_is_busy(stack: Workbench) -> None:
    # As stress-ng would: twice as many as there are processors, and the workers as far as their limits let them.
    spin = ["timeout", "60", sys.executable, "-c", "while True: pass"]
    for worker in ("worker-high", "worker-low", "worker-slow"):
        container(worker).exec_run(["timeout", "60", "sh", "-c", "while :; do :; done"], detach=True)
    busy = [subprocess.Popen(spin) for _ in range(2 * (os.cpu_count() or 1))]
    try:
        seconds = []
        for _ in range(40):
            began = time.monotonic()
            assert "visits" in api("/").json()
            seconds.append(time.monotonic() - began)
    finally:
        for process in busy:
            process.terminate()
            process.wait()
    print(f"median {statistics.median(seconds):.3f} s, slowest {max(seconds):.2f} s")
    assert max(seconds) < 10


def test_an_answer_that_may_be_kept_is_given_again(stack: Workbench) -> None:
    first, second = api("/motto"), api("/motto")
    assert second.json() == first.json()
    assert second.headers["X-Cache-Status"] == "HIT"


@pytest.mark.long
def test_the_task_of_a_killed_container_is_done_again(stack: Workbench) -> None:
    assert api("/tasks/email.send", json={"to": "bob", "seconds": 8}).status_code == 202
    eventually(lambda: [step for _, step, _ in journal()] == ["start"])
    container("worker-high").kill()
    container("worker-high").start()
    # Debian's Kombu looks every 100 s for what was taken and not done; the one of the examples every second.
    eventually(lambda: [step for _, step, _ in journal()] == ["start", "start", "end"], seconds=200)
    assert {name for name, _, _ in journal()} == {"mail:bob"}


def test_no_secret_is_in_plain_text(stack: Workbench) -> None:
    assert leaks(stack, docker=True) == []
