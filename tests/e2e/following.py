"""``hearth logs``, once and for as long as a block lasts."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.e2e.kept import ops
from tests.e2e.workbench import Workbench


def logs(stack: Workbench, *words: str) -> list[str]:
    """The lines that it prints."""
    return ops(stack, "logs", *words).text.splitlines()


@contextlib.contextmanager
def following(stack: Workbench, target: Path, *words: str) -> Iterator[Callable[[], list[str]]]:
    """``logs --follow`` while the block lasts; what it has printed so far."""
    hearth = (".venv/bin/python", "-m", "ops", "logs")
    with target.open("w") as file:
        process = subprocess.Popen(
            stack.words(*hearth, *words, "--follow", "--stack", stack.stack),
            cwd=stack.directory, env=stack.environment, stdout=file, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        try:
            yield lambda: target.read_text().splitlines()
        finally:
            # Whoever reads for it ends with it, as by an interrupt at a terminal.
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(10)
