"""README's commands in a clean clone, as a newcomer types them."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import yaml

from tests.e2e.workbench import PROJECT

_PORTS = {"ollama": 61434, "redis": 61439, "postgres": 61438, "nginx": 61437}

_OTHERS = sorted({path.name.split(".")[1] for path in PROJECT.glob("Pulumi.*.yaml")} - {"local"})


def _make(clone: Path, *words: str) -> str:
    """Run make without any Pulumi setting of the caller's, and see that the checkout stays clean."""
    environment = {
        name: value for name, value in os.environ.items()
        if not name.startswith(("PULUMI_", "HEARTH_"))
    }  # fmt: skip
    done = subprocess.run(
        ["make", *words], cwd=clone, env=environment, text=True, timeout=900,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    status = subprocess.run(
        ["git", "status", "--porcelain"], cwd=clone, check=True, capture_output=True, text=True
    )
    assert status.stdout == ""
    return done.stdout


@pytest.fixture(scope="module")
def clone(scratch: Path) -> Iterator[Path]:
    """A clone whose stacks have a place and ports of their own, committed there."""
    target = scratch / "clone"
    subprocess.run(["git", "clone", "-q", str(PROJECT), str(target)], check=True)
    for path in target.glob("Pulumi.*.yaml"):
        values = yaml.safe_load(path.read_text())
        values["config"]["hearth:data"] = str(scratch / "data")
        services = values["config"]["hearth:services"]
        for service in services.keys() & _PORTS.keys():
            services[service]["port"] = _PORTS[service]
        path.write_text(yaml.safe_dump(values))
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    subprocess.run(["git", *identity, "commit", "-qam", "ports"], cwd=target, check=True)
    yield target
    subprocess.run(["make", "destroy"], cwd=target, check=False, capture_output=True)


def test_setup_then_preview(clone: Path) -> None:
    _make(clone, "setup")
    shown = _make(clone, "preview")
    assert "memory:" in shown
    assert "to create" in shown


def test_up_answers_a_prompt_and_says_what_is_next(clone: Path) -> None:
    shown = _make(clone, "up")
    assert f"127.0.0.1:{_PORTS['nginx']}" in shown
    assert "hearth-random-weights" in shown or "llama3.2" in shown


def test_up_again_changes_nothing(clone: Path) -> None:
    shown = _make(clone, "up")
    assert "unchanged" in shown
    assert "created" not in shown


def test_up_after_a_reboot_starts_everything_again(clone: Path) -> None:
    root = clone.parent / "data"
    # As a power cut leaves it: no process, and files that say there is one.
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if str(root) in " ".join(process.cmdline()) or process.cwd().startswith(str(root)):
                process.kill()
    assert f"127.0.0.1:{_PORTS['nginx']}" in _make(clone, "up")


def test_destroy_says_that_data_is_kept(clone: Path) -> None:
    assert "Data is kept" in _make(clone, "destroy")
    assert (clone.parent / "data" / "secrets").is_dir()


@pytest.mark.parametrize("stack", _OTHERS)
def test_other_stacks_preview(clone: Path, stack: str) -> None:
    assert "to create" in _make(clone, "preview", f"STACK={stack}")
