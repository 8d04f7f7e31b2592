"""A whole backup, and a whole restore."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from host.errors import HostError
from ops.backup import bring_back, capture, desk, known, own, reading, record, runs, second, sites
from ops.backup.capture import Progress
from ops.backup.manifest import NAME, Manifest
from ops.backup.places import Place
from ops.backup.repository import Repository, Snapshot
from ops.backup.sites import Site
from ops.backup.target import Target
from ops.errors import Failure


@dataclass(frozen=True)
class Taken:
    """A backup that counts. ``added`` is what it takes in the repository, in bytes.

    ``copy`` is what the second repository has of it, where there is one.
    """

    snapshot: Snapshot
    manifest: Manifest
    added: int
    kept: int
    copy: Snapshot | None = None


@dataclass(frozen=True)
class Found:
    """A backup in a repository, and its manifest."""

    repository: Repository
    snapshot: Snapshot
    stored: Manifest

    @property
    def when(self) -> str:
        """When it was taken, for people."""
        return f"{self.snapshot.time[:19].replace('T', ' ')}Z"


def back_up(target: Target, progress: Progress, *, anew: bool = False) -> Taken:
    """Take, store, verify, then thin out older ones. ``anew``: in a new repository where one is gone.

    Raises ``Failure`` or ``HostError`` when no complete backup came of it; older ones are as they were.
    """
    with runs.noted(target.root, runs.BACKUP), at_work(target, progress) as (stage, site_of):
        taken = _backed_up(target, stage, site_of, progress, anew)
    if target.settings.copy_to is None:
        return taken
    progress(f"backup {taken.snapshot.short}: complete")
    try:
        with runs.noted(target.root, runs.COPY), at_work(target, progress) as (stage, _):
            copy = second.copy(target, taken.snapshot, taken.manifest, stage / "restic", progress, anew=anew)
    except (Failure, HostError) as error:
        raise Failure(
            f"backup {taken.snapshot.short} is complete; it is not in {target.settings.copy_to}: {error}"
        ) from None
    return replace(taken, copy=copy)


def _backed_up(
    target: Target, stage: Path, site_of: Callable[[str], Site], progress: Progress, anew: bool
) -> Taken:
    repository = known.opened(target.root, target.repository(stage / "restic"), anew=anew)
    parts = {spec.name: capture.service(site_of(spec.name), stage, progress) for spec in target.covered}
    kept = own.gather(target.stack, target.root, stage)
    taken = Manifest(target.stack, target.plan.runtime, parts, kept)
    (stage / "files" / NAME).write_text(taken.text())
    progress(f"{repository.location}: storing")
    pending, added = repository.write(stage / "files")
    snapshot = known.accepted(target.root, repository, pending, taken, progress)
    record.backed_up(target.root, taken)
    try:
        left = known.thinned_out(
            target.root, repository, target.settings.keep_daily, target.settings.keep_weekly
        )
    except Failure as error:
        raise Failure(
            f"backup {snapshot.short} is complete; older ones were not thinned out: {error}"
        ) from None
    return Taken(snapshot, taken, added, len(left))


def restore(
    target: Target,
    services: Sequence[str],
    name: str | None,
    progress: Progress,
    place: Place = Place.FIRST,
) -> tuple[Snapshot, list[str]]:
    """Bring services back from one backup, in the order in which they start.

    Returns the backup, and what may still be missing. Raises ``Failure`` or ``HostError`` for the first that
    failed: that one is as it was before, and later ones were not touched.
    """
    with at_work(target, progress) as (stage, site_of):
        found = verified(target, name, stage, progress, place)
        return found.snapshot, bring(target, found, services, stage, site_of, progress)


def bring(
    target: Target,
    found: Found,
    services: Sequence[str],
    stage: Path,
    site_of: Callable[[str], Site],
    progress: Progress,
) -> list[str]:
    """Bring services back from a verified backup; see ``restore``."""
    lacking = [service for service in services if service not in found.stored.services]
    if lacking:
        raise Failure(f"backup {found.snapshot.short} has no {', '.join(lacking)}; choose another one")
    reading.fetch(found.repository, found.snapshot, found.stored, stage / "files", services)
    problems: list[str] = []
    for service in services:
        with dependants_stopped(target, service, site_of, progress):
            part = found.stored.services[service]
            problems += bring_back.service(site_of(service), part, stage, progress)
        progress(f"{service}: restored")
    return problems


def verified(target: Target, name: str | None, stage: Path, progress: Progress, place: Place) -> Found:
    """A backup, the latest unless it is named, of a repository that is whole. Raises ``Failure`` else."""
    repository = target.repository(stage / "restic", place)
    progress(f"{repository.location}: verifying")
    repository.check_every_file()
    known.opened(target.root, repository)
    repository.check()
    snapshot = _chosen(target, repository, name)
    return Found(repository, snapshot, reading.manifest_of(repository, snapshot))


def _chosen(target: Target, repository: Repository, name: str | None) -> Snapshot:
    there = repository.snapshots()
    if name is None:
        known.require(target.root, repository.location, there)
    return repository.find(name, there)


def hand_out_own(target: Target, name: str | None, directory: Path, place: Place = Place.FIRST) -> list[Path]:
    """The stack's own files of a backup, into a new directory."""
    with desk.working(target.root) as stage:
        repository = known.opened(target.root, target.repository(stage / "restic", place))
        snapshot = _chosen(target, repository, name)
        stored = reading.manifest_of(repository, snapshot)
        reading.fetch(repository, snapshot, stored, stage / "files", [own.DIRECTORY])
        return own.hand_out(stage / "files", directory)


def snapshots(target: Target, place: Place = Place.FIRST) -> list[tuple[Snapshot, Manifest]]:
    """Every complete backup, oldest first."""
    with desk.working(target.root) as stage:
        repository = known.opened(target.root, target.repository(stage / "restic", place))
        return [(one, reading.manifest_of(repository, one)) for one in repository.snapshots()]


@contextlib.contextmanager
def at_work(target: Target, progress: Progress) -> Iterator[tuple[Path, Callable[[str], Site]]]:
    """The stage, and the sites of services; whatever an earlier run left half-way is undone first."""
    try:
        with (
            desk.working(target.root, progress if target.waits else None) as stage,
            sites.opened(target) as site_of,
        ):
            for name in sites.interrupted(target):
                bring_back.recover(site_of(name), progress)
            yield stage, site_of
    except OSError as error:
        raise desk.spoken(error) from None


@contextlib.contextmanager
def dependants_stopped(
    target: Target, service: str, site_of: Callable[[str], Site], progress: Progress
) -> Iterator[None]:
    """Whoever says that it needs the service does not run meanwhile, and so writes nothing to it."""
    replaced = target.plan.service(service).backup
    stopped = stop_dependants(target, service, site_of, progress) if replaced and replaced.replaces else []
    try:
        yield
    finally:
        for site in stopped:
            bring_back.restart(site)


def stop_dependants(
    target: Target, service: str, site_of: Callable[[str], Site], progress: Progress
) -> list[Site]:
    """Stop whoever says that it needs the service; who they are."""
    found = [site_of(spec.name) for spec in target.plan.services if service in spec.needs]
    for site in found:
        progress(f"{site.spec.name}: stopping, for it needs {service}")
        site.stop()
    return found
