"""What an upgrade, or a deployment, has changed: in words."""

from __future__ import annotations

from typing import Any

import pytest
from support.stacks import plan, values

from components.lock import Lock
from ops.upgrade import changes


def _lock(**versions: str) -> Lock:
    entries = {
        name: {"wanted": "", "source": "apt", "versions": {f"{name}-server": version}}
        for name, version in versions.items()
    }
    return Lock.model_validate({"packages": entries})


def test_only_what_gets_other_programs_is_named_and_what_becomes_of_its_data() -> None:
    stack = plan(values("supervisord", {"redis": {}, "nginx": {}, "postgres": {"version": 16}}))
    now = _lock(redis="7", nginx="1.22", postgres="16")
    assert changes.between(stack, stack, now, now) == []
    found = changes.between(stack, stack, now, _lock(redis="8", nginx="1.24", postgres="16"))
    assert {(one.service, one.now, one.then, one.data) for one in found} == {
        ("redis", "redis-server 7", "redis-server 8", changes.STAYS),
        ("nginx", "nginx-server 1.22", "nginx-server 1.24", changes.NONE),
    }


def test_another_format_of_data_moves_it_even_by_the_same_programs() -> None:
    old = plan(values("docker", {"postgres": {"version": 16}}))
    new = plan(values("docker", {"postgres": {"version": 18}}))
    (one,) = changes.between(old, new, Lock(), Lock())
    assert one.formats == ("16", "18")
    assert one.as_data()["data"] == "dump and restore 16 -> 18"


def test_a_new_service_is_no_upgrade() -> None:
    old, new = plan(values("docker", {"redis": {}})), plan(values("docker", {"redis": {}, "nginx": {}}))
    assert changes.between(old, new, Lock(), Lock()) == []


BASE = {"runtime": "docker", "services": {"redis": {"memory": "1GiB"}, "nginx": None}}


@pytest.mark.parametrize(
    ("after", "lock", "said"),
    [
        ({**BASE, "services": {"redis": {"memory": "2GiB"}, "nginx": None}}, None, "redis: memory"),
        ({**BASE, "services": {"redis": {"memory": "1GiB"}, "postgres": {}}}, None, "+postgres; -nginx"),
        ({**BASE, "host": {}}, None, "host"),
        (BASE, _lock(redis="7"), "locked"),
        (BASE, None, "nothing that runs"),
    ],
)
def test_a_deployment_says_what_it_changed(after: dict[str, Any], lock: Lock | None, said: str) -> None:
    assert changes.summary((BASE, None), (after, lock)) == said
    assert changes.summary(None, (after, lock)) == "the first"


def test_a_moved_lock_is_told() -> None:
    old, new = (BASE, _lock(redis="7")), (BASE, _lock(redis="8"))
    assert changes.summary(old, new) == "redis to redis-server 8"
    assert changes.summary(old, (BASE, None)) == "not locked any more"
