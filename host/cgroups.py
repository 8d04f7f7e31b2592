"""What the kernel counts against the memory limit of a control group.

https://docs.kernel.org/admin-guide/cgroup-v2.html, "Memory Interface Files", and cgroup-v1/memory.html.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path

# With v2 all is in one hierarchy, with v1 memory has one of its own.
_USAGE = (("", "memory.current"), ("memory", "memory.usage_in_bytes"))
_CACHE = ("total_inactive_file", "inactive_file")


def memory(group: str, mounted: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Bytes that a group such as ``/system.slice/a.service`` takes; None where the kernel counts none."""
    for hierarchy, name in _USAGE if group else ():
        place = mounted / hierarchy / group.lstrip("/")
        with contextlib.suppress(OSError):
            usage = int((place / name).read_text())
            lines = (line.split() for line in (place / "memory.stat").read_text().splitlines())
            return used(usage, {key: int(value) for key, value in lines})
    return None


def used(usage: int, details: Mapping[str, int]) -> int:
    """Without what the kernel would give back at once, as ``docker stats`` shows it."""
    cache = next((details[key] for key in _CACHE if key in details), 0)
    return max(0, usage - cache)
