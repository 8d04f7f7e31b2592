"""What services write, shown and followed, from a supervisord's files and from a container."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.e2e.following import following, logs
from tests.e2e.kept import ops
from tests.e2e.story import eventually
from tests.e2e.workbench import Workbench

SAYS = ["sh", "-c", "n=0; while sleep 0.5; do n=$((n + 1)); echo line $n; done"]
JOBS: dict[str, Any] = {
    "counter": {"type": "agent", "command": SAYS, "memory": "32MiB", "replicas": 2, "grace": 1},
    "single": {"type": "agent", "command": SAYS, "memory": "32MiB", "grace": 1},
}


@pytest.fixture(scope="module")
def native(bench: Callable[..., Workbench]) -> Workbench:
    made = bench("written", {"runtime": "supervisord", "host": {"reserve": "512MiB"}, "services": JOBS})
    made.up()
    return made


@pytest.fixture(scope="module")
def contained(bench: Callable[..., Workbench], containers: str) -> Workbench:
    config = {"runtime": "docker", "host": {"reserve": "512MiB"}, "services": JOBS}
    made = bench("writtenbox", {**config, "images": dict.fromkeys(JOBS, containers)})
    made.up()
    return made


@pytest.fixture(params=["native", "contained"])
def stack(request: pytest.FixtureRequest) -> Workbench:
    """The stack, up, one way and the other."""
    return request.getfixturevalue(request.param)


def test_the_last_lines_are_shown_in_order(stack: Workbench) -> None:
    def three() -> list[int]:
        return [int(line.removeprefix("line ")) for line in logs(stack, "single", "-n", "3")]

    eventually(lambda: len(three()) == 3)
    first = three()
    assert first == [first[0], first[0] + 1, first[0] + 2]
    assert eventually(lambda: three()[0] > first[0])


def test_replicas_are_named_and_json_is_a_line_each(stack: Workbench) -> None:
    eventually(lambda: len(logs(stack, "counter", "-n", "1")) == 2)
    assert [line.split(" | ")[0] for line in logs(stack, "counter", "-n", "1")] == ["counter-1", "counter-2"]
    found = [json.loads(line) for line in logs(stack, "-n", "1", "--json")]
    assert [one["service"] for one in found] == ["counter-1", "counter-2", "single"]
    assert all(one["line"].startswith("line ") for one in found)


def test_what_comes_is_followed(stack: Workbench, tmp_path: Path) -> None:
    with following(stack, tmp_path / "one", "single", "-n", "0") as seen:
        eventually(lambda: len(seen()) >= 4)
        numbers = [int(line.removeprefix("line ")) for line in seen()]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    with following(stack, tmp_path / "all", "-n", "0") as seen:
        eventually(
            lambda: {line.split(" | ")[0].strip() for line in seen()} == {"counter-1", "counter-2", "single"}
        )


def test_old_lines_are_left_out_where_lines_have_a_time(contained: Workbench, native: Workbench) -> None:
    eventually(lambda: len(logs(contained, "single")) > 20, seconds=60)
    recent = logs(contained, "single", "--since", "5s")
    assert 2 <= len(recent) <= 13
    refused = ops(native, "logs", "single", "--since", "5s", check=False)
    assert refused.status == 2
    assert "carry no time" in refused.text


def test_a_container_that_stopped_still_says_what_it_wrote(contained: Workbench) -> None:
    box = docker.from_env().containers.get("writtenbox-single")
    box.stop(timeout=1)
    last = logs(contained, "single", "-n", "2")
    time.sleep(1)
    assert logs(contained, "single", "-n", "2") == last != []
    box.start()
