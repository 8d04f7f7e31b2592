"""Processes that a killed supervisord left behind.

They would hold their ports and data against their successors. Programs rewrite their title and
environment, but not their session: supervisord is the leader of its own, and its programs stay in
it. While one of them lives, the kernel gives the leader's number to no other process.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

from host.errors import HostError

TERM_SECONDS = 20
END_SECONDS = 120


def end(pid_file: Path) -> None:
    """End what the supervisord of a stale pid file left: politely, then not."""
    try:
        leader = int(pid_file.read_text())
    except (FileNotFoundError, ValueError):
        return
    for stop_signal, seconds in ((signal.SIGTERM, TERM_SECONDS), (signal.SIGKILL, TERM_SECONDS)):
        deadline = time.monotonic() + seconds
        for pid in _members(leader, pid_file):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, stop_signal)
        while _members(leader, pid_file) and time.monotonic() < deadline:
            time.sleep(0.1)


def wait_for_end(pid: int) -> None:
    """Wait until a process is gone. Raises ``HostError`` when it takes too long."""
    import psutil

    with contextlib.suppress(psutil.NoSuchProcess):
        try:
            psutil.Process(pid).wait(END_SECONDS)
        except psutil.TimeoutExpired:
            raise HostError(
                f"process {pid}: still there {END_SECONDS} s after it was asked to stop"
            ) from None


def _members(leader: int, pid_file: Path) -> list[int]:
    import psutil

    # After a reboot the number may belong to anybody; while the leader lives, nobody is an orphan.
    if pid_file.stat().st_mtime < psutil.boot_time() or _alive(leader):
        return []
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(ProcessLookupError, PermissionError, psutil.Error):
            if os.getsid(process.pid) == leader and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
    return found


def _alive(pid: int) -> bool:
    import psutil

    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False
