"""``doctor`` says what is wrong, and what mends it; before `up`, only what is there already counts."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import yaml
from support.ports import free_port

from ops.doctor import examination
from ops.doctor.rules import gpus, linger
from ops.stacks import configured

GIB = 1024**3


def _findings(hearth, status):
    result = hearth("doctor", "--json")
    assert result.status == status, result.err
    return {found["check"]: found for found in json.loads(result.out)["findings"]}


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
    stack.stack({"ollama": {"port": free_port(), "memory": "6GiB", "models": models}})
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
    stack.stack({"redis": {"port": free_port()}}, runtime="systemd")
    # Only the rule about lingering, for no manager of a user's need run here.
    monkeypatch.setattr(examination, "_rules", lambda: iter([linger]))
    status, said = _before_up(hearth)
    assert (
        status == 0 and "warning: linger: services end when you log out; mend it with: sudo loginctl" in said
    )


def test_docker_that_cannot_hand_out_a_gpu_is_refused_before_up(project, hearth):
    config = {"gpus": 1}
    project.stack(
        {"ollama": {"port": free_port(), "memory": "6GiB", "models": ["llama3.2:1b"]}}, runtime="docker"
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
    project.stack({"redis": {"port": free_port()}}, runtime="docker")
    assert _findings(hearth, 1)["docker"]["mend"] == "sudo systemctl start docker"


def test_commands_refuse_a_stack_without_backups(project, hearth):
    project.stack({"redis": {"port": free_port()}})
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
