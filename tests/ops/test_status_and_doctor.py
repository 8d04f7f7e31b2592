"""``status`` and ``doctor`` say what is wrong, and what mends it."""

from __future__ import annotations

import io
import json
import socket
import sys
import time

import pytest
import yaml

from ops.commands.status import ago


def _port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def stack(project):
    """A stack that is configured, with backups, and not deployed."""
    project.stack({"redis": {"port": _port()}})
    path = project.path / "Pulumi.test.yaml"
    document = yaml.safe_load(path.read_text())
    document["config"]["hearth:backup"] = {}
    path.write_text(yaml.safe_dump(document))
    return project


def _findings(hearth, status):
    result = hearth("doctor", "--json")
    assert result.status == status, result.err
    return {found["check"]: found for found in json.loads(result.out)["findings"]}


def test_status_of_what_is_not_deployed(stack, hearth):
    result = hearth("status", "--json")
    assert result.status == 1
    (row,) = json.loads(result.out)["services"]
    assert (row["service"], row["state"], row["backup"], row["drill"]) == (
        "redis",
        "not deployed",
        None,
        None,
    )
    assert "not deployed" in hearth("status").out and "never" in hearth("status").out


def test_status_tells_of_the_last_backup(stack, hearth):
    (stack.root / "backup").mkdir(parents=True)
    record = {"redis": {"backup": {"time": time.time() - 7200, "bytes": 1, "seconds": 1}}}
    (stack.root / "backup" / "record.json").write_text(json.dumps(record))
    assert "2 h ago" in hearth("status").out


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "just now"), (61, "1 min ago"), (7300, "2 h ago"), (200000, "2 d ago")]
)
def test_how_long_ago(seconds, words):
    assert ago(time.time() - seconds) == words
    assert ago(None) == "never"


def test_every_finding_names_what_mends_it(stack, hearth):
    found = _findings(hearth, 1)
    assert all(one["mend"] for one in found.values() if one["problem"])
    assert found["backup"] == {
        "check": "backup",
        "problem": "there is none",
        "mend": "./hearth backup --stack test",
    }
    assert "does not run" in found["supervisord"]["problem"]
    assert not found["memory, ports, needs"]["problem"]


def test_a_backup_that_is_too_old_is_found(stack, hearth):
    (stack.root / "backup").mkdir(parents=True)
    old = {"redis": {"backup": {"time": time.time() - 30 * 3600, "bytes": 1, "seconds": 1}}}
    (stack.root / "backup" / "record.json").write_text(json.dumps(old))
    assert "older than a day" in _findings(hearth, 1)["backup"]["problem"]


def test_missing_secrets_and_open_doors_are_found(stack, hearth):
    (stack.root / "secrets").mkdir(parents=True)
    (stack.root / "secrets").chmod(0o755)
    found = _findings(hearth, 1)
    assert found["secrets"]["problem"] == "missing: redis"
    assert found["permissions of secrets"]["mend"] == f"chmod 700 {stack.root}/secrets"
    (stack.root / "secrets").chmod(0o700)
    (stack.root / "secrets" / "redis").write_text("sesame")
    found = _findings(hearth, 1)
    assert not found["secrets"]["problem"] and not found["permissions of secrets"]["problem"]


def test_a_taken_port_is_found(stack, hearth):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        stack.stack({"redis": {"port": taken.getsockname()[1]}})
        assert "is listened on" in _findings(hearth, 1)["memory, ports, needs"]["problem"]


def test_docker_that_is_away_is_found(project, hearth, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{project.path}/none.sock")
    project.stack({"redis": {"port": _port()}}, runtime="docker")
    assert _findings(hearth, 1)["docker"]["mend"] == "sudo systemctl start docker"


def test_commands_refuse_a_stack_without_backups(project, hearth):
    project.stack({"redis": {"port": _port()}})
    for command in ("backup", "backups", "drill"):
        result = hearth(command)
        assert result.status == 1 and "write `hearth:backup: {}`" in result.err


def test_backup_before_up_says_so(stack, hearth, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("no\n"))
    result = hearth("backup")
    assert result.status == 1 and "`pulumi up` makes it" in result.err
    assert hearth("restore", "redis", "--all").status == 2
    assert hearth("restore", "nginx", "--yes").status == 2
    assert (
        "would stop, replace and check, in this order: redis" in hearth("restore", "--all", "--dry-run").err
    )
    assert "nothing was restored" in hearth("restore", "--all").err
    assert "would restore into scratch instances" in hearth("drill", "--dry-run").err
    rows = json.loads(hearth("backup", "--dry-run", "--json").out)["services"]
    assert rows[0] == {"service": "redis", "captured": "dump.rdb"}
