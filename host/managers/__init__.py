"""What starts and stops processes here: supervisord, systemd or launchd."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol

from host.documents import Document
from host.errors import HostError


class State(Enum):
    """``STARTING`` covers a process that is started again after a failure."""

    RUNNING = "running"
    STARTING = "starting"
    STOPPED = "stopped"


@dataclass(frozen=True)
class Status:
    """``reason`` says why a process is stopped; ``attempt`` is another one after every start."""

    state: State
    reason: str = ""
    attempt: int = 0


class Manager(Protocol):
    """One service under one manager. Every method raises ``HostError`` when the manager cannot be reached."""

    def wake(self) -> None:
        """Make sure that the manager itself runs."""
        ...

    def status(self) -> Status:
        """What the process does."""
        ...

    def restart(self) -> None:
        """Read the unit again and (re)start the process, without waiting for it to answer."""
        ...

    def forget(self) -> None:
        """Stop the process, wait for its end, and remove its unit. Fine when there is none."""
        ...

    def run_now(self) -> None:
        """Start what runs at set times, without waiting for its end; fine when it runs already."""
        ...

    def log(self, lines: int) -> list[str]:
        """The last lines that the manager kept, oldest first; may be empty."""
        ...


def of(document: Document) -> Manager:
    """The manager of a document's service."""
    return make(document.runtime, document.root, document.service, document.scope, document.unit.path)


def make(runtime: str, root: Path, service: str, scope: str, unit: Path) -> Manager:
    """The manager called ``runtime``. Raises ``HostError`` when there is none of that name."""
    if runtime == "supervisord":
        from host.managers.supervisord import Supervisord

        return Supervisord(root=root, service=service, unit=unit)
    if runtime == "systemd":
        from host.managers.systemd import Systemd

        return Systemd(unit=unit, scope=scope)
    if runtime == "launchd":
        from host.managers.launchd import Launchd

        return Launchd(unit=unit, scope=scope)
    known = "launchd, systemd, supervisord"
    raise HostError(f"runtime {runtime!r}: not one that manages native services ({known})")


def default_unit(runtime: str, root: Path, service: str, scope: str) -> Path:
    """Where a unit lies when no note says so: as the runtimes of ``components`` name it after the stack."""
    if runtime == "supervisord":
        return root / "supervisor" / "programs" / f"{service}.conf"
    if runtime == "launchd":
        library = (
            Path("/Library/LaunchDaemons") if scope == "system" else Path.home() / "Library/LaunchAgents"
        )
        return library / f"dev.hearth.{root.name}.{service}.plist"
    directory = (
        Path("/etc/systemd/system") if scope == "system" else Path.home() / ".config" / "systemd" / "user"
    )
    return directory / f"hearth-{root.name}-{service}.service"
