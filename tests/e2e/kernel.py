"""Limits as the kernel has them."""

from __future__ import annotations

from pathlib import Path


def limit(pid: int, controller: str, v1: str, v2: str) -> str:
    """What holds for a process, in either cgroup hierarchy: the content of the file ``v1`` or ``v2``."""
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return Path(f"/sys/fs/cgroup/{controller}{path}/{v1}").read_text().strip()
        if controllers == "" and (unified := Path(f"/sys/fs/cgroup{path}/{v2}")).exists():
            return unified.read_text().strip()
    raise AssertionError(f"no {controller} cgroup for process {pid}")
