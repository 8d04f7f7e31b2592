"""Where a service lives: its commands, its data directory, its process. One site a service."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from components.backup import DIRECTORY

if TYPE_CHECKING:
    from components.spec import ServiceSpec
    from ops.backup.target import Target

_NOTE = "stopped-"
SECONDS = 6 * 3600
"""Bound on one command: a dump of a large database takes long, and a hung one must end."""


class Site(Protocol):
    """Every method raises ``Failure`` or ``HostError`` with the reason."""

    spec: ServiceSpec
    note: Path
    """There from ``stop`` on, until all is well again: whoever finds it takes up what a kill left."""

    def require_running(self) -> None:
        """Raise unless the service's process runs."""

    def save(self, argv: Sequence[str], target: Path) -> None:
        """Run a command with the service, its standard output into a file of ours."""

    def load(self, argv: Sequence[str], source: Path) -> None:
        """Run a command with the service that reads a file of ours."""

    def apart(self, argv: Sequence[str], source: Path, target: Path) -> None:
        """Run a command with the service's programs and none of its memory, from a file to a file."""

    def within(self, argv: Sequence[str]) -> None:
        """Run a command with the files of the service, which is stopped."""

    def beside(self, argv: Sequence[str]) -> None:
        """Run a command with the service's archive alone, in an empty directory that is ``{place}``."""

    def foretell(self, argv: Sequence[str], later: ServiceSpec) -> None:
        """Run a command with what ``later`` has beside its programs, and nothing of the service's data."""

    def stop(self) -> None:
        """Stop the process. Fine when it does not run."""

    def start(self) -> None:
        """Start the process, wait until it answers, run its tasks."""

    def tasks(self) -> None:
        """Run its tasks again."""

    def read_data(self, target: Path) -> None:
        """The data directory of the stopped service as an archive, all below one directory in it."""

    def write_data(self, source: Path) -> None:
        """Fill the empty data directory from such an archive."""

    def place(self, files: Mapping[str, Path]) -> None:
        """Copy files into the data directory of the stopped service."""

    def aside(self) -> None:
        """Move everything out of the data directory, to be put back or dropped."""

    def put_back(self) -> None:
        """What was moved aside is there again, and nothing else. Fine where nothing was."""

    def drop(self) -> None:
        """Delete what was moved aside."""

    def take(self, other: Site, name: str) -> None:
        """Have a directory of the data of the same service somewhere else: whole, or not at all."""

    def rename(self, old: str, new: str) -> None:
        """Give a directory or file of the data another name. Fine where there is none."""

    def remove(self, name: str) -> None:
        """Delete a file of the data. Fine where there is none."""


def interrupted(target: Target) -> list[str]:
    """The services of the plan whose note a kill has left."""
    notes = {path.name.removeprefix(_NOTE) for path in (target.root / DIRECTORY).glob(f"{_NOTE}*")}
    return [spec.name for spec in target.plan.services if spec.name in notes]


@contextlib.contextmanager
def opened(target: Target) -> Iterator[Callable[[str], Site]]:
    """Service name to its site, for as long as the block lasts."""

    def note(name: str) -> Path:
        return target.root / DIRECTORY / f"{_NOTE}{name}"

    if target.containers:
        from host.containers.client import daemon
        from ops.backup.container import ContainerSite
        from ops.backup.swarm import SwarmSite

        kind = SwarmSite if target.plan.runtime == "swarm" else ContainerSite
        with daemon() as client:
            yield lambda name: kind(client, target.stack, target.plan.service(name), note(name))
        return
    from ops.backup.native import NativeSite

    yield lambda name: NativeSite(target.root, target.plan.service(name), note(name))
