"""``status`` says how a stack is, once or again and again."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from support.ports import free_port

from ops.stacks import planned
from ops.status import Condition, ago
from ops.status import _degraded as degraded


def condition() -> Condition:
    """A service that was never seen."""
    return Condition(
        service="redis", state="", memory=None, limit=1, restarts=None, version="", address="", path=None,
        url=None, backup=None, drill=None,
    )  # fmt: skip


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


def test_status_says_what_is_refused_and_shows_the_rest(stack, hearth):
    stack.stack(
        {
            "redis": {"port": free_port()},
            "worker": {"directory": "nowhere", "broker": "redis", "uses": ["redis"]},
        }
    )
    found = json.loads(hearth("status", "--json").out)
    assert [row["service"] for row in found["services"]] == ["redis"]
    assert any("nowhere cannot be read" in line for line in found["refused"])
    result = hearth("status")
    assert result.status == 1
    assert "refused: hearth:services.worker" in result.out
    assert "degraded: redis: not deployed" in result.out
    assert "note: supervisord cannot enforce memory limits" in result.out


def test_status_names_a_backup_that_is_too_old(stack, hearth):
    (stack.root / "backup").mkdir(parents=True)
    old = {"redis": {"backup": {"time": time.time() - 30 * 3600}, "drill": {"time": time.time() - 9 * 86400}}}
    (stack.root / "backup" / "record.json").write_text(json.dumps(old))
    # What does not run at all has no use for one.
    assert "backup was" not in hearth("status").out
    services = (replace(condition(), state="answers", backup=time.time() - 30 * 3600, drill=1.0),)
    said = list(degraded(services, planned("test"), backed_up=True))
    assert said[0] == "redis: the last backup was 1 d ago" and "the last drill was" in said[1]
    assert list(degraded(services, planned("test"), backed_up=False)) == []
    never = (replace(services[0], backup=None, drill=None),)
    assert list(degraded(never, planned("test"), backed_up=True)) == ["redis: has no backup yet"]


def test_status_leads_to_what_the_front_door_leads_to(stack, hearth):
    door, behind = free_port(), free_port()
    stack.stack({"ollama": {"port": behind}, "nginx": {"port": door}})
    rows = {row["service"]: row for row in json.loads(hearth("status", "--json").out)["services"]}
    assert rows["ollama"]["url"] == f"http://127.0.0.1:{door}/ollama/"
    assert rows["nginx"]["url"] is None and rows["nginx"]["address"] == f"127.0.0.1:{door}"


def test_watching_needs_a_terminal(stack, hearth):
    result = hearth("status", "--watch")
    assert result.status == 2 and "is for a terminal" in result.err


def test_watching_draws_again_until_it_is_ended(stack):
    master, slave = pty.openpty()
    argv = [sys.executable, "-m", "ops", "status", "--watch"]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "200", "LINES": "30"}
    process = subprocess.Popen(
        argv, stdin=slave, stdout=slave, stderr=slave, env=environment,
        # What runs in the background of a script is started deaf to it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    os.close(slave)
    try:
        seen, asked, deadline = b"", False, time.monotonic() + 120
        while time.monotonic() < deadline:
            try:
                seen += os.read(master, 65536)
            except OSError:
                break
            # The second picture is a new look.
            if not asked and seen.count(b"stack test under supervisord") > 1:
                process.send_signal(signal.SIGINT)
                asked = True
        assert process.wait(10) == 0
    finally:
        # It would wait for ever for somebody to read what it shows.
        process.kill()
        process.wait()
    os.close(master)
    assert seen.count(b"not deployed") > 1 and b"Traceback" not in seen


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "just now"), (61, "1 min ago"), (7300, "2 h ago"), (200000, "2 d ago")]
)
def test_how_long_ago(seconds, words):
    assert ago(time.time() - seconds) == words
    assert ago(None) == "never"
