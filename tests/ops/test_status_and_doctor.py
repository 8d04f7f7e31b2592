"""``status`` and ``doctor`` say what is wrong, and what mends it."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pty
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import yaml

from ops.doctor import examination
from ops.doctor.rules import gpus, linger
from ops.stacks import configured, planned
from ops.status import Condition, ago
from ops.status import _degraded as degraded

GIB = 1024**3


def _port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def condition() -> Condition:
    """A service that was never seen."""
    return Condition(
        service="redis", state="", memory=None, limit=1, restarts=None, version="", address="", path=None,
        url=None, backup=None, drill=None,
    )  # fmt: skip


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


def test_status_says_what_is_refused_and_shows_the_rest(stack, hearth):
    stack.stack(
        {"redis": {"port": _port()}, "worker": {"directory": "nowhere", "broker": "redis", "uses": ["redis"]}}
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
    door, behind = _port(), _port()
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


def test_every_finding_names_what_mends_it(stack, hearth):
    found = _findings(hearth, 1)
    assert all(one["mend"] for one in found.values() if one["problem"])
    assert found["backup"] == {
        "check": "backup",
        "problem": "there is none",
        "mend": "./hearth backup --stack test",
        "refuses": False,
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


def _before_up(hearth):
    result = hearth("doctor", "--before-up")
    return result.status, result.err


def test_before_up_only_what_is_there_already_counts(stack, hearth):
    # No supervisord, no backup, no secrets: `up` makes them.
    status, said = _before_up(hearth)
    assert status == 0 and "refused" not in said
    (stack.root / "secrets").mkdir(parents=True)
    (stack.root / "secrets").chmod(0o755)
    status, said = _before_up(hearth)
    assert status == 1
    assert f"refused: permissions of secrets: {stack.root}/secrets: others can enter it" in said
    assert f"mend it with: chmod 700 {stack.root}/secrets" in said
    (stack.root / "secrets").chmod(0o700)
    assert _before_up(hearth)[0] == 0
    stack.stack({"redis": {"memory": "900GiB"}})
    status, said = _before_up(hearth)
    assert status == 1 and "limits add up to" in said
    findings = json.loads(hearth("doctor", "--before-up", "--json").out)["findings"]
    assert [found["check"] for found in findings if found["refuses"]] == ["memory, ports, needs"]


def test_models_that_the_disk_does_not_hold_are_refused_before_up(stack, hearth, monkeypatch):
    usage = shutil.disk_usage("/")._replace(total=10 * GIB, free=3 * GIB)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    models = ["llama3.2:3b", "llama3.2:1b"]
    stack.stack({"ollama": {"port": _port(), "memory": "6GiB", "models": models}})
    status, said = _before_up(hearth)
    assert status == 1 and "3GiB left, and images and models still to come take 3.1GiB" in said
    there = stack.root / "ollama" / "data" / "models"
    there.mkdir(parents=True)
    # What is there already is not to come.
    (there / "blob").write_bytes(os.urandom(200 * 1024**2))
    assert _before_up(hearth)[0] == 0
    usage = usage._replace(free=GIB // 2)
    assert "512MiB left" in _before_up(hearth)[1]


def test_a_user_whose_services_end_is_warned_and_may_go_on(stack, hearth, monkeypatch):
    stack.stack({"redis": {"port": _port()}}, runtime="systemd")
    # Only the rule about lingering, for no manager of a user's need run here.
    monkeypatch.setattr(examination, "_rules", lambda: iter([linger]))
    status, said = _before_up(hearth)
    assert (
        status == 0 and "warning: linger: services end when you log out; mend it with: sudo loginctl" in said
    )


def test_docker_that_cannot_hand_out_a_gpu_is_refused_before_up(project, hearth):
    config = {"gpus": 1}
    project.stack(
        {"ollama": {"port": _port(), "memory": "6GiB", "models": ["llama3.2:1b"]}}, runtime="docker"
    )
    path = project.path / "Pulumi.test.yaml"
    document = yaml.safe_load(path.read_text())
    document["config"]["hearth:host"] = config
    path.write_text(yaml.safe_dump(document))
    patient = examination.Patient("test", configured("test"), project.root, deployed=False)
    with docker_that_says({"Runtimes": {"runc": {}}}):
        (finding,) = gpus.look(patient)
        assert "no NVIDIA runtime" in finding.problem and "nvidia-ctk" in finding.mend
    with docker_that_says({"Runtimes": {"runc": {}, "nvidia": {}}}):
        assert [found.problem for found in gpus.look(patient)] == [""]


@contextlib.contextmanager
def docker_that_says(info):
    """A daemon that answers one question, on a socket of its own."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *arguments):
            """Nothing to say."""

        def do_GET(self):
            body = json.dumps(info if self.path.endswith("/info") else {"ApiVersion": "1.41"}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    before = os.environ.get("DOCKER_HOST")
    os.environ["DOCKER_HOST"] = f"tcp://127.0.0.1:{server.server_address[1]}"
    try:
        yield
    finally:
        os.environ.pop("DOCKER_HOST")
        if before:
            os.environ["DOCKER_HOST"] = before
        server.shutdown()
        server.server_close()


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
