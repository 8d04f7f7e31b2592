"""Asking the programs of the system."""

from __future__ import annotations

import subprocess


def said(*argv: str) -> str | None:
    """What a command prints; none where it is not there, fails or hangs."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
