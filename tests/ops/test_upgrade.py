"""``lock``, ``upgrade`` and ``rollback`` of what is not there, is damaged, or is under way."""

from __future__ import annotations

import fcntl
import json
import socket

import pytest

from host import deployments
from host.errors import HostError
from ops.upgrade import journal
from ops.upgrade.journal import Journal


@pytest.fixture
def stack(project):
    """A stack that was never deployed."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        project.stack({"redis": {"port": probe.getsockname()[1]}})
    project.root.mkdir()
    return project


@pytest.mark.parametrize("command", ["lock", "upgrade"])
def test_what_was_never_deployed_has_no_versions(stack, hearth, command):
    result = hearth(command)
    assert result.status == 1
    assert "no deployment is on record; run `pulumi up --stack test` once" in result.err


def test_nothing_on_record_is_an_empty_list(stack, hearth):
    assert json.loads(hearth("rollback", "--json").out)["deployments"] == []
    result = hearth("rollback", "3")
    assert (result.status, result.err) == (
        2, "hearth: 3: no deployment of this stack; on record are none\n",
    )  # fmt: skip


def test_a_bad_lock_is_refused_by_the_plan_with_its_path(stack, hearth):
    (stack.path / "hearth.test.lock.json").write_text('{"images": {"redis": {"wanted": "x", "digest": "1"}}}')
    result = hearth("plan")
    assert result.status == 1
    assert "hearth.test.lock.json.images.redis.digest: '1' is refused" in result.err


def test_two_at_once_are_refused(stack, hearth):
    (stack.root / "deployments").mkdir()
    with (stack.root / "deployments" / ".upgrade.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for command in ("upgrade", "rollback"):
            assert "is under way" in hearth(command).err


def test_deployments_are_numbered_and_the_same_again_is_none(stack, hearth):
    text = (stack.path / "Pulumi.test.yaml").read_text()
    first = deployments.record(stack.root, text, None)
    assert deployments.record(stack.root, text, None) == first
    second = deployments.record(stack.root, text, {"format": 1, "images": {}, "packages": {}})
    assert (first.number, second.number) == (1, 2)
    assert (stack.root / "deployments" / "1.json").stat().st_mode & 0o077 == 0
    rows = json.loads(hearth("rollback", "--json").out)["deployments"]
    assert [(row["deployment"], row["locked"], row["changed"]) for row in rows] == [
        (1, False, "the first"),
        (2, True, "locked"),
    ]
    assert "locked" in hearth("rollback").out


def test_a_record_says_of_what_format_data_is_and_an_upgrade_where_it_goes(stack):
    assert deployments.formats(stack.root) == {}
    text = (stack.path / "Pulumi.test.yaml").read_text()
    # As it was written before formats were.
    deployments.record(stack.root, text, None)
    first = deployments.record(stack.root, text, None, {"store": "16", "other": "17"})
    assert first.number == 1
    assert deployments.formats(stack.root) == {"store": {"16"}, "other": {"17"}}
    journal.write(stack.root, Journal(what="", file=text, lock={}, moves={"store": ["16", "18"]}))
    assert deployments.formats(stack.root) == {"store": {"16", "18"}, "other": {"17"}}
    journal.clear(stack.root)
    assert deployments.formats(stack.root)["store"] == {"16"}
    deployments.forget(stack.root, ["store"])
    assert deployments.formats(stack.root) == {"other": {"17"}}


def test_a_damaged_record_is_named(stack):
    (stack.root / "deployments").mkdir()
    (stack.root / "deployments" / "1.json").write_text("{}")
    with pytest.raises(HostError, match=r"1\.json: is no record of a deployment"):
        deployments.read(stack.root)
