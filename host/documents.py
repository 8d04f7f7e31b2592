"""The ``apply`` document: one native service as it should be on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from host.errors import HostError
from host.stdin import mode


@dataclass(frozen=True)
class File:
    """A file of the service that holds no secret."""

    path: Path
    data: bytes
    mode: int


@dataclass(frozen=True)
class Directory:
    """A directory of the service; ``group`` names another than its account's."""

    path: Path
    mode: int
    group: str | None = None
    shared: bool = False
    """It belongs to whoever deploys, not to the service's account."""


@dataclass(frozen=True)
class Health:
    """How to ask, and for how long (seconds)."""

    argv: tuple[str, ...]
    http: str | None
    interval: float
    timeout: float
    patience: float


@dataclass(frozen=True)
class Task:
    """A command for a service that answers. ``timeout`` in seconds."""

    name: str
    argv: tuple[str, ...]
    timeout: float
    optional: bool


@dataclass(frozen=True)
class Document:
    """What ``apply`` makes true. ``raw`` is the document as given, kept for the notes."""

    root: Path
    service: str
    runtime: str
    scope: str
    account: str | None
    directories: tuple[Directory, ...]
    groups: tuple[str, ...]
    """Groups that the account is in, beside its own."""
    files: tuple[File, ...]
    unit: File
    check: tuple[str, ...]
    path: str
    env: Mapping[str, str]
    health: Health | None
    tasks: tuple[Task, ...]
    restart_on: str
    tasks_on: str
    """What the tasks run for again, though the process stays."""
    programs: str
    """What they are since they were last replaced; empty before that, and where no lock holds them."""
    ports: tuple[int, ...]
    memory: int
    """Limit in bytes, for whoever watches it; 0 for none."""
    reservation: int
    """Bytes above which it is to be warned of; 0 for none."""
    raw: Mapping[str, Any]

    @property
    def home(self) -> Path:
        """The service's own directory."""
        return self.root / self.service

    @property
    def restarts(self) -> dict[str, Any]:
        """The part whose change the running process must be restarted for."""
        return {
            "files": [(str(file.path), file.data, file.mode) for file in (*self.files, self.unit)],
            "account": self.account,
            "restart_on": self.restart_on,
            "programs": self.programs,
        }


def parse(raw: Mapping[str, Any]) -> Document:
    """Read a document. Raises ``HostError`` that names what is missing or wrong."""
    try:
        root = Path(raw["root"])
        document = Document(
            root=root,
            service=raw["service"],
            runtime=raw["runtime"],
            scope=raw.get("scope") or "system",
            account=raw.get("account"),
            directories=tuple(_directory(entry) for entry in raw.get("directories", ())),
            groups=tuple(raw.get("groups") or ()),
            files=tuple(_file(entry, 0o640) for entry in raw.get("files", ())),
            unit=_file(raw["unit"], 0o644),
            check=tuple(raw.get("check") or ()),
            path=raw.get("environment_path") or f"{root}/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            env=dict(raw.get("env") or {}),
            health=_health(raw["health"]) if raw.get("health") else None,
            tasks=tuple(
                Task(task["name"], tuple(task["argv"]), task.get("timeout", 120), task.get("optional", False))
                for task in raw.get("tasks", ())
            ),
            restart_on=str(raw.get("restart_on") or ""),
            tasks_on=str(raw.get("tasks_on") or ""),
            programs=raw.get("programs", ""),
            ports=tuple(raw.get("ports", ())),
            memory=raw.get("memory", 0),
            reservation=raw.get("reservation", 0),
            raw=raw,
        )
    except KeyError as error:
        raise HostError(f"stdin: the document lacks {error.args[0]}") from None
    if not root.is_absolute() or not document.service or "/" in document.service:
        raise HostError("stdin: root must be an absolute path and service a plain name")
    return document


def _directory(entry: Mapping[str, Any]) -> Directory:
    bits = mode(entry.get("mode", 0o750))
    return Directory(Path(entry["path"]), bits, entry.get("group"), entry.get("shared", False))


def _file(entry: Mapping[str, Any], default: int) -> File:
    return File(Path(entry["path"]), entry["content"].encode(), mode(entry.get("mode", default)))


def _health(entry: Mapping[str, Any]) -> Health:
    interval = entry.get("interval", 5)
    return Health(
        argv=tuple(entry.get("argv") or ()),
        http=entry.get("http"),
        interval=interval,
        timeout=entry.get("timeout", 5),
        patience=entry.get("start_period", 30) + interval * entry.get("retries", 6),
    )
