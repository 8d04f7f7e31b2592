"""Locks, a failing upgrade and the way back with containers: the old image runs again, by its digest."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from docker.models.containers import Container

from tests.e2e import kept, writers
from tests.e2e.beside import Beside
from tests.e2e.broken_image import broken_image
from tests.e2e.kept import ops
from tests.e2e.workbench import Workbench

STACK = "upgradedbox"
BROKEN = "hearth-test/broken:9"


@pytest.fixture(scope="module")
def broken(containers: str) -> Iterator[str]:
    """A newer image, whose Redis does not start."""
    with broken_image(containers, BROKEN) as made:
        yield made


@pytest.fixture(scope="module")
def config(containers: str) -> dict[str, Any]:
    """Redis alone, with backups."""
    return {
        "runtime": "docker",
        "host": {"reserve": "512MiB"},
        "backup": {"schedule": None},
        "images": {"redis": containers},
        "services": {"redis": {"memory": "128MiB"}},
    }


@pytest.fixture(scope="module")
def stack(bench: Callable[..., Workbench], config: dict[str, Any]) -> Workbench:
    """The stack, up, with a value in it."""
    made = bench(STACK, config)
    config["data"] = str(made.root)
    made.up()
    kept.quick(made)
    _client(made).set("kept", "value")
    return made


def _container() -> Container:
    return Beside(STACK).container("redis")


def _client(stack: Workbench) -> redis.Redis:
    return Beside(STACK).cache(stack.secret("redis"))


def test_a_lock_pins_the_image_and_replaces_no_container(stack: Workbench, containers: str) -> None:
    before = _container()
    ops(stack, "lock")
    entry = json.loads((stack.directory / f"hearth.{STACK}.lock.json").read_text())["images"]["redis"]
    assert entry == {"wanted": containers, "id": before.attrs["Image"]}
    stack.up()
    assert _container().id == before.id
    stack.assert_nothing_to_do()
    assert "is what" in ops(stack, "lock", "--check").text


def test_after_a_failing_upgrade_the_old_digest_runs_again(
    stack: Workbench, config: dict[str, Any], broken: str
) -> None:
    before = _container().attrs["Image"]
    stack.configure({**config, "images": {"redis": broken}})
    assert "hearth upgrade redis" in stack.up(check=False).text
    with writers.writing(lambda number: _client(stack).sadd("load", number)) as (written,):
        failed = ops(stack, "upgrade", check=False)
    assert failed.status == 1, failed.text
    assert "the upgrade of redis failed" in failed.text.splitlines()[-1]
    assert failed.text.splitlines()[-1].endswith("everything is as it was, and answers")
    print(f"\nfailing upgrade: Redis did not answer for {written.downtime:.1f} s")
    assert _container().attrs["Image"] == before and _container().status == "running"
    assert _client(stack).get("kept") == b"value"
    assert 0 <= _client(stack).scard("load") - written.acknowledged <= 1
    assert "is what" in ops(stack, "lock", "--check").text
    stack.configure(config)
    stack.assert_nothing_to_do()


def test_the_first_deployment_comes_back(stack: Workbench) -> None:
    assert "went back to deployment 1" in ops(stack, "rollback", "1").text
    assert not (stack.directory / f"hearth.{STACK}.lock.json").exists()
    assert _client(stack).get("kept") == b"value"
    stack.assert_nothing_to_do()
