"""What services write, wherever their runtime keeps it: files, systemd's journal, the Docker daemon."""

from __future__ import annotations

import os
import queue
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from host import managers, notes
from ops.errors import Failure, NotDeployed, Usage

if TYPE_CHECKING:
    from components.plan import DeploymentPlan

_PAUSE = 0.25


@dataclass(frozen=True)
class Wish:
    """The last ``count`` lines, not older than ``since`` seconds, and with ``follow`` all that come."""

    count: int
    since: float | None
    follow: bool


class Log(Protocol):
    """The log of one service."""

    def lines(self, wish: Wish) -> Iterator[str]:
        """Lines without their ends, oldest first."""
        ...


@dataclass(frozen=True)
class FileLog:
    """A file that somebody appends to, and puts another in the place of once it is long."""

    path: Path

    def lines(self, wish: Wish) -> Iterator[str]:
        """See ``Log``."""
        if wish.since is not None:
            raise Usage(f"--since: lines of {self.path} carry no time; say --lines instead")
        before = self.path.with_name(f"{self.path.name}.1")
        last: deque[str] = deque(maxlen=wish.count)
        for path in (before, self.path):
            if path.exists():
                last.extend(path.read_text(errors="replace").splitlines())
        end = self.path.stat().st_size if self.path.exists() else 0
        yield from last
        while wish.follow:
            end, more = _after(self.path, end)
            yield from more
            time.sleep(_PAUSE)


def _after(path: Path, end: int) -> tuple[int, list[str]]:
    """Where the file ends now, and the whole lines since; from its beginning where it was cut or replaced."""
    try:
        with path.open("rb") as file:
            file.seek(end if file.seek(0, 2) >= end else 0)
            whole, newline, _ = file.read().rpartition(b"\n")
            start = end if file.tell() >= end else 0
    except FileNotFoundError:
        return 0, []
    if not newline:
        return end, []
    return start + len(whole) + 1, whole.decode(errors="replace").splitlines()


@dataclass(frozen=True)
class JournalLog:
    """A unit in systemd's journal; ``user`` for one of a user's own manager."""

    unit: str
    user: bool

    def lines(self, wish: Wish) -> Iterator[str]:
        """See ``Log``."""
        argv = ["journalctl", "--quiet", "--no-pager", "--output=cat", f"--lines={wish.count}"]
        argv += self._of_user() if self.user else ["--unit", self.unit]
        argv += [f"--since=@{time.time() - wish.since:.0f}"] if wish.since is not None else []
        argv += ["--follow"] if wish.follow else []
        try:
            process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, errors="replace")
        except FileNotFoundError:
            raise Failure("journalctl: not found; this machine keeps no journal") from None
        with process:
            yield from (line.rstrip("\n") for line in process.stdout)
        if process.returncode:
            raise Failure(f"journalctl: exit status {process.returncode}; may this account read the journal?")

    def _of_user(self) -> list[str]:
        # What the unit's processes write, also those that ended before the journal asked for their unit,
        # and what the manager says of the unit.
        mine = f"_UID={os.getuid()}"
        name = self.unit.partition(".")[0]
        return [mine, f"SYSLOG_IDENTIFIER={name}", "+", mine, f"USER_UNIT={self.unit}"]


@dataclass(frozen=True)
class ContainerLog:
    """What the daemon kept of a container, running or not, or of all tasks of a service of a swarm.

    ``read`` is ``logs`` of either in Docker's SDK, told to stream.
    """

    read: Callable[..., Iterator[bytes]]

    def lines(self, wish: Wish) -> Iterator[str]:
        """See ``Log``."""
        since = {} if wish.since is None else {"since": int(time.time() - wish.since)}
        kept = b""
        for part in self.read(follow=wish.follow, tail=wish.count, **since):
            *whole, kept = (kept + part).split(b"\n")
            yield from (line.decode(errors="replace").rstrip("\r") for line in whole)
        if kept:
            yield kept.decode(errors="replace")


def native(root: Path, service: str) -> Log:
    """The log of a process of this host. Raises ``Failure`` where there is none."""
    document = notes.read(root / service).applied
    if document is None:
        raise NotDeployed(service)
    if document.runtime == "systemd":
        return JournalLog(managers.of(document).job, document.scope == "user")
    return FileLog(root / service / "log" / f"{service}.log")


def contained(daemon: Any, stack: str, service: str, *, swarm: bool) -> Log:
    """The log of a container, or of a swarm's service on whatever machine. Raises ``Failure`` for none."""
    import docker

    name = f"{stack}-{service}"
    try:
        if swarm:
            return ContainerLog(partial(daemon.services.get(name).logs, stdout=True, stderr=True))
        return ContainerLog(partial(daemon.containers.get(name).logs, stream=True))
    except docker.errors.NotFound:
        raise NotDeployed(service) from None


def named(plan: DeploymentPlan, names: Sequence[str]) -> list[str]:
    """The services meant, all replicas of those that have some; every service without a name."""
    found = {spec.name: spec.declared for spec in plan.services}
    for name in names:
        if name not in (*found, *found.values()):
            known = ", ".join(dict.fromkeys(found.values()))
            raise Usage(f"{name}: no service of this stack; there are {known}")
    return [name for name, declared in found.items() if not names or name in names or declared in names]


def together(logs: Mapping[str, Log], wish: Wish) -> Iterator[tuple[str, str]]:
    """Service and line: of one service after the other, or with ``follow`` as they come."""
    if not wish.follow or len(logs) == 1:
        for name, log in logs.items():
            yield from ((name, line) for line in log.lines(wish))
        return
    came: queue.SimpleQueue[tuple[str, str] | BaseException] = queue.SimpleQueue()

    def read(name: str, log: Log) -> None:
        try:
            for line in log.lines(wish):
                came.put((name, line))
        except BaseException as error:
            came.put(error)

    for item in logs.items():
        threading.Thread(target=read, args=item, daemon=True).start()
    while True:
        found = came.get()
        if isinstance(found, BaseException):
            raise found
        yield found
