"""What keeps a purge from touching anything that is in use, and its part of Docker."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ops import engine
from ops.purge import Target

if TYPE_CHECKING:
    from docker import DockerClient

_COMPONENT = "hearth:service:"


def deployed(stack: str) -> set[str]:
    """Services in the stack's state."""
    return {resource.name for resource in engine.resources(stack) if resource.type.startswith(_COMPONENT)}


def processes(directory: Path) -> list[str]:
    """Processes that work in a directory or were started with something in it, to show."""
    import psutil

    # The kernel tells real paths; command lines hold the one that was configured.
    below = (f"{directory}/", f"{directory.resolve()}/")
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            words = [*process.cmdline(), f"{_working_directory(process)}/"]
            if any(path in word for path in below for word in words):
                found.append(f"{process.name()} (process {process.pid})")
    return found


def _working_directory(process: Any) -> str:
    import psutil

    # Of another user's process only root may know.
    with contextlib.suppress(psutil.AccessDenied):
        return process.cwd()
    return ""


def _labels(stack: str, service: str | None) -> dict[str, list[str]]:
    of_service = [f"hearth.service={service}"] if service else []
    return {"label": [f"hearth.stack={stack}", *of_service]}


def containers(client: DockerClient, stack: str, service: str | None = None) -> list[str]:
    """Containers of a stack or of one of its services, running or not."""
    found = client.containers.list(all=True, filters=_labels(stack, service), ignore_removed=True)
    return [f"container {container.name}" for container in found]


def volumes(client: DockerClient, stack: str, services: Sequence[str] | None = None) -> Iterator[Target]:
    """Volumes of a stack, or of some of its services."""
    sizes = {entry["Name"]: entry["UsageData"]["Size"] for entry in client.df()["Volumes"] or []}
    for volume in client.volumes.list(filters=_labels(stack, None)):
        if services is None or volume.attrs["Labels"].get("hearth.service") in services:
            yield Target("volume", volume.name, max(0, sizes.get(volume.name, 0)))
