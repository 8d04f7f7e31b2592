"""The GPUs of this host that have memory of their own, and how much."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from components.facts import Gpu

MIB = 1024**2
_QUERY = ("nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits")
_SECONDS = 10
_DRIVER_NODE = re.compile(r"nvidia\d+")


def found(devices: Path = Path("/dev"), cards: Path = Path("/sys/class/drm")) -> tuple[Gpu, ...]:
    """Those that a driver is loaded for: by nvidia-smi, else by their device nodes; by amdgpu.

    https://docs.nvidia.com/deploy/nvidia-smi/, https://docs.kernel.org/gpu/amdgpu/driver-misc.html
    """
    return (*_nvidia(devices), *_amd(devices, cards))


def _nvidia(devices: Path) -> Iterator[Gpu]:
    try:
        done = subprocess.run(_QUERY, capture_output=True, text=True, check=False, timeout=_SECONDS)
        lines = done.stdout.split("\n") if done.returncode == 0 else []
    except (OSError, subprocess.TimeoutExpired):
        lines = []
    # Those that share their memory with the host answer "[N/A]".
    sizes = [int(line) * MIB if line.strip().isdigit() else None for line in lines if line.strip()]
    nodes = sum(bool(_DRIVER_NODE.fullmatch(node.name)) for node in devices.glob("nvidia*"))
    for size in sizes or [None] * nodes:
        yield Gpu("NVIDIA", size)


def _amd(devices: Path, cards: Path) -> Iterator[Gpu]:
    # Without kfd there is no computing on it.
    if (devices / "kfd").exists():
        for figure in sorted(cards.glob("card[0-9]*/device/mem_info_vram_total")):
            yield Gpu("AMD", int(figure.read_text()))
