"""What one service does right now, asked of whoever runs it."""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from host import cgroups, files, health, managers, notes
from host.accounts import Identity, find
from host.managers import State
from host.managers.systemd import Systemd

if TYPE_CHECKING:
    from components.config import StackConfig
    from components.spec import ServiceSpec
    from ops.integrity import Inside

ANSWERS = "answers"
ABSENT = "not deployed"


@dataclass(frozen=True)
class Seen:
    """``state`` is ``ANSWERS`` or why not. ``memory`` in bytes; ``restarts`` where somebody counts them."""

    state: str
    version: str
    memory: int | None = None
    restarts: int | None = None


class Look(Protocol):
    """A look at one service."""

    def __call__(self, spec: ServiceSpec) -> Seen: ...


@contextlib.contextmanager
def opened(stack: str, config: StackConfig, root: Path) -> Iterator[Look]:
    """How the services of a stack are looked at. Raises ``HostError`` where there is no Docker daemon."""
    if not config.containers:
        yield NativeLook(root, functools.cache(lambda: sizes(root)))
        return
    from host.containers.client import daemon

    with daemon() as client:
        yield ContainerLook(client, stack)


@contextlib.contextmanager
def inside(stack: str, config: StackConfig, root: Path) -> Iterator[Inside]:
    """How the data of services is looked into."""
    from ops.integrity import ContainerInside, NativeInside

    if not config.containers:
        yield NativeInside(root)
        return
    from host.containers.client import daemon

    with daemon() as client:
        yield ContainerInside(lambda spec: next(iter(containers(client, stack, spec, running=True)), None))


def containers(daemon: Any, stack: str, spec: ServiceSpec, *, running: bool = False) -> list[Any]:
    """Those of a service; the one that runs first. Swarm keeps those that failed for a while."""
    labels = [f"hearth.stack={stack}", f"hearth.service={spec.name}"]
    found = daemon.containers.list(all=not running, filters={"label": labels}, ignore_removed=True)
    return sorted(found, key=lambda one: one.status != "running")


@dataclass(frozen=True)
class NativeLook:
    """Processes of this host, below ``root``; ``sizes`` says the bytes that they take, by service."""

    root: Path
    sizes: Callable[[], Mapping[str, int]]

    def __call__(self, spec: ServiceSpec) -> Seen:
        """See ``Look``."""
        document = notes.read(self.root / spec.name).applied
        version = self._version(spec.declared)
        if document is None:
            return Seen(ABSENT, version)
        manager = managers.of(document)
        status = manager.status()
        # Only systemd counts them; elsewhere the figure is the time of the start.
        restarts = status.attempt if document.runtime == "systemd" else None
        if status.state is State.STOPPED:
            return Seen(f"stopped: {status.reason}", version, restarts=restarts)
        complaint = health.complaint(document, find(document.account) or Identity(-1, -1))
        state = complaint.splitlines()[0] if complaint else ANSWERS
        # Where the kernel keeps the limit, its own count is what the limit is held against.
        memory = manager.memory() if isinstance(manager, Systemd) else None
        return Seen(state, version, self.sizes().get(spec.name, 0) if memory is None else memory, restarts)

    def _version(self, package: str) -> str:
        made = json.loads(files.read(self.root / "packages" / f"{package}.json") or b"{}")
        return made.get("result", "").partition(" from ")[0]


def sizes(root: Path) -> dict[str, int]:
    """Service to the bytes of its processes, which work below its directory; what they share counts once,
    where that is known.
    """
    import psutil

    found: dict[str, int] = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ValueError):
            below = Path(process.cwd()).relative_to(root).parts
            if below:
                info = process.memory_full_info()
                found[below[0]] = found.get(below[0], 0) + getattr(info, "pss", info.rss)
    return found


@dataclass(frozen=True)
class ContainerLook:
    """Containers of the daemon; those of a swarm of one machine, too."""

    daemon: Any
    stack: str

    def __call__(self, spec: ServiceSpec) -> Seen:
        """See ``Look``."""
        version = spec.image.named.rpartition("/")[2] if spec.image else ""
        found = containers(self.daemon, self.stack, spec)
        if not found:
            return Seen(ABSENT, version)
        container = found[0]
        # What runs may be an older one than is declared.
        tags = container.image.tags
        if tags and spec.image and spec.image.reference not in tags:
            version = tags[0].rpartition("/")[2]
        # Docker starts a container again, Swarm makes another one.
        restarts = container.attrs["RestartCount"] + len(found) - 1
        if container.status != "running":
            return Seen(container.status, version, restarts=restarts)
        state = container.attrs["State"].get("Health", {}).get("Status", "healthy")
        stats = container.stats(stream=False)["memory_stats"]
        memory = cgroups.used(stats.get("usage", 0), stats.get("stats", {}))
        return Seen(ANSWERS if state == "healthy" else state, version, memory, restarts)
