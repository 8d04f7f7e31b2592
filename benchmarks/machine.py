"""The machine and the programs that a table is about, without names of hosts or directories."""

from __future__ import annotations

import os
import platform
import re
from importlib import metadata
from pathlib import Path

import docker
import psutil

from toolchain import versions


def _processor() -> str:
    found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found.group(1).strip() if found else platform.machine()


def described() -> str:
    """One line: processor, cores, memory, kernel, versions."""
    kernel = re.match(r"[\d.]+", os.uname().release)
    return (
        f"{_processor()}, {psutil.cpu_count()} cores, "
        f"{psutil.virtual_memory().total / 1024**3:.0f} GiB memory, "
        f"{platform.system()} {kernel.group() if kernel else ''}; Python {platform.python_version()}, "
        f"Pulumi {versions.PULUMI} with SDK {metadata.version('pulumi')}, "
        f"Docker {docker.from_env().version()['Version']}"
    )


def load() -> float:
    """Runnable processes a core over the last minute: above 0 before a run, others are at work."""
    return os.getloadavg()[0] / (psutil.cpu_count() or 1)
