"""Memory of processes: resident, and the proportional share that counts shared pages once."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Taken:
    """Memory of some processes together, in MiB."""

    processes: int
    resident: float
    proportional: float


def of(pids: Iterable[int]) -> Taken:
    """Memory of these processes."""
    pids, resident, proportional = list(pids), 0, 0
    for pid in pids:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        kilobytes = {key: int(value) for key, value in re.findall(r"^(\w+):\s+(\d+) kB", text, re.MULTILINE)}
        resident += kilobytes["Rss"]
        proportional += kilobytes["Pss"]
    return Taken(len(pids), resident / 1024, proportional / 1024)


def of_tree(pid: int) -> Taken:
    """Memory of a process and everything it started."""
    return of([pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))])


def words(process: psutil.Process) -> str:
    """Its command line; empty for one that is gone."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def working_in(directory: Path) -> Taken:
    """Processes that were started from ``directory``, which is where Hearth's own come from."""
    own = os.getpid()
    return of(
        process.pid
        for process in psutil.process_iter()
        if process.pid != own and str(directory) in words(process)
    )
