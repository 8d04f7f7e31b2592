"""The GPUs of the host: how many containers are given, and what the plan says of them.

Docker hands out NVIDIA's alone by number (``--gpus``, the NVIDIA Container Toolkit); AMD's would take
devices and another image (https://docs.ollama.com/docker).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from components.config import HostBudget
from components.facts import HostFacts
from components.spec import ServiceSpec
from components.units import format_bytes

if TYPE_CHECKING:
    from components.runtimes.base import Runtime


def usable(host: HostBudget, facts: HostFacts) -> int:
    """How many GPUs containers may use."""
    if host.gpus != "auto":
        return host.gpus
    return sum(gpu.vendor == "NVIDIA" for gpu in facts.gpus)


def remarks(host: HostBudget, facts: HostFacts, specs: Sequence[ServiceSpec], runtime: Runtime) -> list[str]:
    """Who uses the GPUs, and what does not fit them. Nothing where no service could use one."""
    wanted = {spec.name: spec.resources.gpu_memory for spec in specs if spec.resources.gpu_memory}
    if not wanted:
        return []
    containers, given = runtime.containers, runtime.plain_containers
    count, found = usable(host, facts), []
    if given and count:
        found.append(f"{', '.join(wanted)}: given {count} NVIDIA GPU{'s' if count > 1 else ''} of this host")
    for vendor in sorted({gpu.vendor for gpu in facts.gpus}):
        if containers and (vendor == "AMD" or not given):
            found.append(f"a GPU of {vendor} is here; containers are not given it, models run on the CPU")
    sizes = [gpu.memory for gpu in facts.gpus if gpu.memory]
    own = host.gpu_memory is None and sizes and (not containers or (given and count))
    if own and sum(wanted.values()) > sum(sizes):
        found.append(
            f"models need {format_bytes(sum(wanted.values()))} and the GPUs have {format_bytes(sum(sizes))}: "
            "the rest runs on the CPU, in the memory planned for it"
        )
    return found
