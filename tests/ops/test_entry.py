"""The script ``hearth`` and what it shows of itself."""

from __future__ import annotations

import pkgutil
import shutil
import subprocess
import sys

from ops_project import REPOSITORY

from ops import commands


def test_every_command_is_listed_and_explains_itself(hearth):
    names = [info.name for info in pkgutil.iter_modules(commands.__path__)]
    shown = hearth("--help").out
    assert {"drift", "models", "plan", "purge", "schema", "smoke"} <= set(names)
    for name in names:
        assert name in shown
        assert f"Usage: hearth {name}" in hearth(name, "--help").out


def test_help_loads_nothing_heavy():
    heavy = ("pulumi", "pydantic", "docker", "httpx", "gguf", "numpy", "yaml")
    code = (
        "import sys; from ops.app import application; application()\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_who_only_plans_does_not_wait_for_pulumi():
    words = [sys.executable, "-X", "importtime", "-m", "ops", "plan", "--stack", "local"]
    done = subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "components.runtimes.docker" in loaded
    assert not {"pulumi.runtime", "pulumi_docker.container", "grpc"} & loaded


def test_what_was_put_off_is_there_when_it_is_used():
    code = (
        "from ops.deferred import put_off; put_off('pulumi', 'pulumi_docker')\n"
        "import pulumi, pulumi_docker as docker\n"
        "from pulumi.runtime import mocks\n"
        "class Own(pulumi.ComponentResource): pass\n"
        "print(issubclass(docker.Container, pulumi.CustomResource), pulumi.ComponentResource in Own.__mro__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "True True"


def test_the_script_without_an_environment_says_what_to_do(tmp_path):
    shutil.copy(REPOSITORY / "hearth", tmp_path / "hearth")
    (tmp_path / "elsewhere").symlink_to(tmp_path / "hearth")
    done = subprocess.run(
        [tmp_path / "elsewhere", "plan"], cwd="/", capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr == f"hearth: .venv is missing; run `make setup` in {tmp_path}\n"
