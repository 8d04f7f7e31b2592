"""The interpreters themselves read what brings secrets into a process, and nobody else sees them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.rendered import lay_out, secret_values
from support.stacks import plan, values
from support.tools import call, tool

from components.spec import ServiceSpec

NEIGHBOURS = {"postgres": {}, "redis": {}, "ollama": {}}
# What each interpreter is asked: to say its environment, and to stay until it may go.
PYTHON = "import json, os, sys; print(json.dumps(dict(os.environ)), flush=True); sys.stdin.read()"
NODE = "console.log(JSON.stringify(process.env)); process.stdin.resume()"


def application(kind: str, directory: Path) -> ServiceSpec:
    runtime = "docker" if kind.startswith("dify") else "supervisord"
    more = {"dify-api": {}} if runtime == "docker" else {}
    stack = values(runtime, NEIGHBOURS | more | {kind: {}}, data=str(directory / "stack"))
    return plan(stack).service(kind)


def moved(text: str, files: dict[str, Path]) -> str:
    """``text`` with the paths of a container where its files came to lie."""
    for path in files.values():
        text = text.replace(f"/etc/hearth/{path.name}", str(path))
    return text.replace("/etc/hearth", str(next(iter(files.values())).parent.parent / "config"))


def command(kind: str, spec: ServiceSpec, files: dict[str, Path]) -> list[str]:
    if "NODE_OPTIONS" in spec.process.env:
        return [tool("node"), "-e", NODE]
    if "PYTHONPATH" in spec.process.env:
        return [sys.executable, "-c", PYTHON]
    return ["sh", str(files["start.sh"]), sys.executable, "-c", PYTHON]


@pytest.mark.parametrize("kind", ["langflow", "open-webui", "flowise", "dify-api", "dify-plugin-daemon"])
def test_a_process_finds_its_secrets_that_are_in_none_of_its_arguments(kind: str, tmp_path: Path) -> None:
    spec = application(kind, tmp_path)
    files = lay_out(spec, tmp_path)
    env = {name: moved(value, files) for name, value in spec.process.env.items()}
    process = subprocess.Popen(
        command(kind, spec, files),
        env={"PATH": os.environ["PATH"], **env},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        found = json.loads(process.stdout.readline())
        outside = Path(f"/proc/{process.pid}/cmdline").read_bytes()
        if {"NODE_OPTIONS", "PYTHONPATH"} & set(env):
            outside += Path(f"/proc/{process.pid}/environ").read_bytes()
        process.stdin.close()
        process.terminate()
    wanted = secret_values(spec)
    held = "\n".join(found.values())
    for secret in wanted.values():
        assert secret in held
        assert secret.encode() not in outside
    assert "@@" not in held


@pytest.mark.parametrize("kind", ["langflow", "flowise", "dify-plugin-daemon"])
def test_without_its_secrets_a_process_does_not_start(kind: str, tmp_path: Path) -> None:
    spec = application(kind, tmp_path)
    files = lay_out(spec, tmp_path)
    files["environment"].unlink()
    env = {name: moved(value, files) for name, value in spec.process.env.items()}
    done = call(
        *command(kind, spec, files), env={"PATH": os.environ["PATH"], **env}, stdin=subprocess.DEVNULL
    )
    assert done.returncode != 0
    assert "environment" in done.stderr
    assert done.stdout == ""


def test_squid_reads_its_configuration(tmp_path: Path) -> None:
    spec = plan(values("docker", {"dify-ssrf-proxy": {}})).service("dify-ssrf-proxy")
    done = call(tool("squid"), "-k", "parse", "-f", lay_out(spec, tmp_path)["squid.conf"])
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    assert "FATAL" not in done.stderr
