"""Timing commands, and numbers that a noisy machine cannot bend much."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

LONGEST_SECONDS = 300


@dataclass
class Sample:
    """Repeated measurements of one thing."""

    values: list[float] = field(default_factory=list)

    def add(self, value: float) -> None:
        """One more measurement."""
        self.values.append(value)

    @property
    def median(self) -> float:
        """The middle value."""
        return statistics.median(self.values)

    def __str__(self) -> str:
        return f"{self.median:.2f} ({min(self.values):.2f}-{max(self.values):.2f})"


class Failed(RuntimeError):
    """A measured command failed, so there is no number."""


def say(line: str) -> None:
    """Progress, apart from the result."""
    print(f"benchmarks: {line}", file=sys.stderr, flush=True)


def finished(argv: Sequence[str], directory: Path, environment: Mapping[str, str]) -> tuple[float, str]:
    """Seconds that a command took, and its standard output. Raises ``Failed`` with its last words."""
    began = time.perf_counter()
    try:
        done = subprocess.run(
            argv, cwd=directory, env=environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=LONGEST_SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise Failed(f"{' '.join(argv[1:3])}: no end within {LONGEST_SECONDS} s") from None
    seconds = time.perf_counter() - began
    if done.returncode:
        said = (done.stdout + done.stderr)[-3000:]
        raise Failed(f"{' '.join(argv[1:3])}: exit status {done.returncode}: {said}")
    return seconds, done.stdout


def percentile(values: Sequence[float], share: float) -> float:
    """The value that ``share`` of all do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
