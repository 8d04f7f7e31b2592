"""How each service of a stack is: whether it answers, what it takes, when it was last backed up."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from host import files, health, managers, notes
from host.accounts import Identity, find
from host.managers import State
from ops.backup import record

if TYPE_CHECKING:
    from components.plan import DeploymentPlan
    from components.spec import ServiceSpec

ANSWERS = "answers"
_CGROUP_CACHE = ("total_inactive_file", "inactive_file")


@dataclass(frozen=True)
class Condition:
    """One service. ``memory`` in bytes; ``restarts`` where its manager counts them; times since 1970."""

    service: str
    state: str
    memory: int | None
    limit: int
    restarts: int | None
    version: str
    address: str
    backup: float | None
    drill: float | None


class Look(Protocol):
    """State, memory, restarts and version of one service."""

    def __call__(self, spec: ServiceSpec) -> tuple[str, int | None, int | None, str]: ...


def conditions(plan: DeploymentPlan, root: Path, look: Look, containers: bool) -> list[Condition]:
    """Every service of the plan, in the order in which they start."""
    kept = record.read(root)
    found = []
    for spec in plan.services:
        state, memory, restarts, version = look(spec)
        addresses = [port.authority for port in spec.ports if port.publish or not containers]
        times = kept.get(spec.name, {})
        found.append(
            Condition(
                service=spec.name,
                state=state,
                memory=memory,
                limit=spec.resources.memory,
                restarts=restarts,
                version=version,
                address=" ".join(addresses),
                backup=times.get("backup", {}).get("time"),
                drill=times.get("drill", {}).get("time"),
            )
        )
    return found


@dataclass(frozen=True)
class NativeLook:
    """Processes of this host, below ``root``."""

    root: Path

    def __call__(self, spec: ServiceSpec) -> tuple[str, int | None, int | None, str]:
        """See ``Look``."""
        home = self.root / spec.name
        document = notes.read(home).applied
        version = self._version(spec.name)
        if document is None:
            return "not deployed", None, None, version
        status = managers.of(document).status()
        # Only systemd counts them; elsewhere the figure is the time of the start.
        restarts = status.attempt if document.runtime == "systemd" else None
        if status.state is State.STOPPED:
            return f"stopped: {status.reason}", None, restarts, version
        identity = find(document.account) or Identity(-1, -1)
        complaint = health.complaint(document, identity)
        return complaint.splitlines()[0] if complaint else ANSWERS, _memory(home), restarts, version

    def _version(self, service: str) -> str:
        made = json.loads(files.read(self.root / "packages" / f"{service}.json") or b"{}")
        return made.get("result", "").partition(" from ")[0]


def _memory(home: Path) -> int:
    """Bytes of the processes that work below ``home``; what they share counts once, where that is known."""
    import psutil

    total = 0
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if Path(process.cwd()).is_relative_to(home):
                info = process.memory_full_info()
                total += getattr(info, "pss", info.rss)
    return total


@dataclass(frozen=True)
class ContainerLook:
    """Containers of the daemon."""

    daemon: Any
    stack: str

    def __call__(self, spec: ServiceSpec) -> tuple[str, int | None, int | None, str]:
        """See ``Look``."""
        import docker

        version = spec.image.reference.rpartition("/")[2]
        try:
            container = self.daemon.containers.get(f"{self.stack}-{spec.name}")
        except docker.errors.NotFound:
            return "not deployed", None, None, version
        restarts = container.attrs["RestartCount"]
        if container.status != "running":
            return container.status, None, restarts, version
        state = container.attrs["State"].get("Health", {}).get("Status", "healthy")
        memory = _used(container.stats(stream=False)["memory_stats"])
        return ANSWERS if state == "healthy" else state, memory, restarts, version


def _used(stats: Mapping[str, Any]) -> int:
    """As ``docker stats`` shows it: without what the kernel would give back at once."""
    details = stats.get("stats", {})
    cache = next((details[key] for key in _CGROUP_CACHE if key in details), 0)
    return max(0, stats.get("usage", 0) - cache)
