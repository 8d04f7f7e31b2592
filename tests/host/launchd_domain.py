"""A launchd of its own for each test: the stand-in for launchctl, and what it started ended after it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SUPPORT = Path(__file__).resolve().parents[1] / "support"
END_SECONDS = 10


@dataclass(frozen=True)
class Domain:
    """``env`` is what programs need to find it; ``home`` is where the user's agents lie."""

    env: dict[str, str]
    home: Path

    @property
    def name(self) -> str:
        """The domain of whoever runs this."""
        return f"gui/{os.geteuid()}"

    def launchctl(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the stand-in."""
        argv = [str(SUPPORT / "launchctl"), *arguments]
        return subprocess.run(argv, env=self.env, capture_output=True, text=True, check=False, timeout=30)

    def value(self, label: str, key: str) -> str:
        """A figure of ``launchctl print``; empty when there is none."""
        shown = self.launchctl("print", f"{self.name}/{label}").stdout
        found = [line.partition(" = ")[2] for line in shown.splitlines() if line.startswith(f"\t{key} = ")]
        return found[0] if found else ""

    def pid(self, label: str) -> int:
        """The process of a job; 0 when it does not run."""
        return int(self.value(label, "pid") or 0)


@contextlib.contextmanager
def launchd(base: Path) -> Iterator[Domain]:
    """Make one below ``base``."""
    state, home, programs = base / "launchd", base / "home", base / "programs"
    for directory in (state, home, programs):
        directory.mkdir()
    (programs / "launchctl").symlink_to(SUPPORT / "launchctl")
    env = dict(os.environ, LAUNCHCTL_STATE=str(state), PATH=f"{programs}:{os.environ['PATH']}")
    try:
        yield Domain(env=env, home=home)
    finally:
        deadline = time.monotonic() + END_SECONDS
        for status in state.glob("*/*/status"):
            keeper = json.loads(status.read_text())["keeper"]
            with contextlib.suppress(ProcessLookupError):
                os.kill(keeper, signal.SIGTERM)
        while any(path.is_dir() for path in state.glob("*/*")) and time.monotonic() < deadline:
            time.sleep(0.05)
