"""A whole backup, and a whole restore."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ops.backup import bring_back, capture, desk, own, reading, record, sites
from ops.backup.capture import Progress
from ops.backup.manifest import NAME, Manifest
from ops.backup.repository import Snapshot
from ops.backup.sites import Site
from ops.backup.target import Target
from ops.errors import Failure


@dataclass(frozen=True)
class Taken:
    """A backup that counts. ``added`` is what it takes in the repository, in bytes."""

    snapshot: Snapshot
    manifest: Manifest
    added: int
    kept: int


def back_up(target: Target, progress: Progress) -> Taken:
    """Take, store, verify, then thin out older ones.

    Raises ``Failure`` or ``HostError`` when no complete backup came of it; older ones are as they were.
    """
    with at_work(target, progress) as (stage, site_of):
        repository = target.repository(stage / "restic")
        repository.open()
        parts = {spec.name: capture.service(site_of(spec.name), stage, progress) for spec in target.covered}
        kept = own.gather(target.stack, target.root, stage)
        taken = Manifest(target.stack, target.plan.runtime, parts, kept)
        (stage / "files" / NAME).write_text(taken.text())
        progress(f"{repository.path}: storing")
        pending, added = repository.write(stage / "files")
        progress(f"{repository.path}: reading it back")
        repository.check()
        reading.verify(repository, pending, taken)
        snapshot = repository.complete(pending)
        record.backed_up(target.root, taken)
        try:
            left = repository.thin_out(target.settings.keep_daily, target.settings.keep_weekly)
        except Failure as error:
            raise Failure(
                f"backup {snapshot.short} is complete; older ones were not thinned out: {error}"
            ) from None
        return Taken(snapshot, taken, added, left)


def restore(
    target: Target, services: Sequence[str], name: str | None, progress: Progress
) -> tuple[Snapshot, list[str]]:
    """Bring services back from one backup, in the order in which they start.

    Returns the backup, and what may still be missing. Raises ``Failure`` or ``HostError`` for the first that
    failed: that one is as it was before, and later ones were not touched.
    """
    with at_work(target, progress) as (stage, site_of):
        repository = target.repository(stage / "restic")
        progress(f"{repository.path}: verifying")
        repository.check_every_file()
        repository.open()
        repository.check()
        snapshot = repository.find(name)
        stored = reading.manifest_of(repository, snapshot)
        lacking = [service for service in services if service not in stored.services]
        if lacking:
            raise Failure(f"backup {snapshot.short} has no {', '.join(lacking)}; choose another one")
        reading.fetch(repository, snapshot, stored, stage / "files", services)
        problems: list[str] = []
        for service in services:
            with _dependants_stopped(target, service, site_of, progress):
                part = stored.services[service]
                problems += bring_back.service(site_of(service), part, stage, progress)
            progress(f"{service}: restored")
        return snapshot, problems


def hand_out_own(target: Target, name: str | None, directory: Path) -> list[Path]:
    """The stack's own files of a backup, into a new directory."""
    with desk.working(target.root) as stage:
        repository = target.repository(stage / "restic")
        repository.open()
        snapshot = repository.find(name)
        stored = reading.manifest_of(repository, snapshot)
        reading.fetch(repository, snapshot, stored, stage / "files", [own.DIRECTORY])
        return own.hand_out(stage / "files", directory)


def snapshots(target: Target) -> list[tuple[Snapshot, Manifest]]:
    """Every complete backup, oldest first."""
    with desk.working(target.root) as stage:
        repository = target.repository(stage / "restic")
        repository.open()
        return [(one, reading.manifest_of(repository, one)) for one in repository.snapshots()]


@contextlib.contextmanager
def at_work(target: Target, progress: Progress) -> Iterator[tuple[Path, Callable[[str], Site]]]:
    """The stage, and the sites of services; whatever an earlier run left half-way is undone first."""
    try:
        with desk.working(target.root) as stage, sites.opened(target) as site_of:
            for name in sites.interrupted(target):
                bring_back.recover(site_of(name), progress)
            yield stage, site_of
    except OSError as error:
        raise desk.spoken(error) from None


@contextlib.contextmanager
def _dependants_stopped(
    target: Target, service: str, site_of: Callable[[str], Site], progress: Progress
) -> Iterator[None]:
    """Whoever says that it needs the service does not run meanwhile, and so writes nothing to it."""
    replaced = target.plan.service(service).backup
    names = [spec.name for spec in target.plan.services if service in spec.needs]
    stopped = [site_of(name) for name in names] if replaced and replaced.replaces else []
    for site in stopped:
        progress(f"{site.spec.name}: stopping, for it needs {service}")
        site.stop()
    try:
        yield
    finally:
        for site in stopped:
            bring_back.restart(site)
