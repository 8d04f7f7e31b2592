"""Processes of a service that runs under supervisord."""

from __future__ import annotations

import contextlib
import os

import httpx
import psutil

from tests.e2e.story import eventually
from tests.large.conftest import Applications


def pids(stack: Applications, service: str) -> set[int]:
    """Those that belong to the account of a service."""
    found = set()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.username() == f"hearth-{service}":
                found.add(process.pid)
    return found


def restarted(stack: Applications, service: str, health: str) -> None:
    """Have every process of a service end, and wait until new ones answer."""
    old = pids(stack, service)
    assert old
    for pid in old:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, 9)
    eventually(lambda: not old & pids(stack, service))
    eventually(lambda: httpx.get(health).is_success, seconds=180)
