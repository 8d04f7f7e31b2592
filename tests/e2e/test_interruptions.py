"""An `up` that is killed, and two at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e import probes
from tests.e2e.story import settled, with_setting
from tests.e2e.workbench import Workbench

REDIS = 65036
CONFIG: dict[str, Any] = {
    "runtime": "supervisord",
    "host": {"reserve": "512MiB"},
    "services": {"redis": {"port": REDIS, "memory": "128MiB"}},
}


@pytest.fixture(scope="module")
def stack(bench: Callable[..., Workbench]) -> Workbench:
    """A small stack, not yet up."""
    made = bench("interrupted", CONFIG)
    CONFIG["data"] = str(made.root)
    return made


def _begin(stack: Workbench) -> subprocess.Popen[str]:
    """An `up` in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "toolchain", "run", "--", "pulumi", "up", "--yes", "--skip-preview",
         "--non-interactive"],
        cwd=stack.directory, env=stack.environment, start_new_session=True, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


@pytest.mark.parametrize("seconds", [0.3, 0.8, 1.2, 1.6, 2.0, 2.5, 3.0])
def test_a_killed_up_converges(stack: Workbench, seconds: float) -> None:
    # Another limit each time, so that every `up` has something to change.
    changed = with_setting(CONFIG, "redis", memory=f"{128 + int(seconds * 10)}MiB")
    stack.configure(changed)
    running = _begin(stack)
    time.sleep(seconds)
    os.killpg(running.pid, signal.SIGKILL)
    running.communicate()
    stack.pulumi("cancel", "--yes", check=False)
    stack.up()
    settled(stack)
    assert probes.redis_answers(REDIS, stack.secret("redis"))


def test_of_two_at_once_one_wins_and_the_other_says_why(stack: Workbench) -> None:
    stack.configure(with_setting(CONFIG, "redis", memory="96MiB"))
    both = [_begin(stack), _begin(stack)]
    texts = [process.communicate(timeout=120)[0] for process in both]
    statuses = sorted(process.returncode for process in both)
    assert statuses[0] == 0, texts
    if statuses[1] != 0:
        (loser,) = [text for process, text in zip(both, texts, strict=True) if process.returncode]
        assert "locked" in loser
    settled(stack)
