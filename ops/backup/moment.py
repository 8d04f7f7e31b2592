"""Archives of every change: whole copies to start from, a moment brought back, the proof that it can be."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from host.errors import HostError
from ops.backup import bring_back, jobs, record, runs
from ops.backup.capture import Progress
from ops.backup.sites import Site
from ops.backup.target import Target
from ops.errors import Failure, Usage

if TYPE_CHECKING:
    from components.captures import Archive
    from components.spec import ServiceSpec

_FORMS = "2026-11-30 12:00, 2026-11-30T12:00:30+01:00"


@dataclass(frozen=True)
class Reached:
    """A service that was brought to a moment in a scratch directory, and how long that took."""

    service: str
    seconds: float


def parse(text: str) -> datetime:
    """A moment as a person writes it, on the host's clock where no zone is said. Raises ``Usage``."""
    try:
        found = datetime.fromisoformat(text.strip()).astimezone(UTC)
    except ValueError:
        raise Usage(f"--at {text}: is no moment; write it as {_FORMS}") from None
    if found > datetime.now(UTC):
        raise Usage(f"--at {text}: is not over yet; name a moment that has been")
    return found


def archived(target: Target, names: Sequence[str]) -> list[ServiceSpec]:
    """Those of these services, or of all, that keep an archive. Raises ``Usage`` where one does not."""
    found = _archives(target)
    lacking = [name for name in names if name not in [spec.name for spec in found]]
    if lacking or not found:
        whom = lacking[0] if lacking else "no service of this stack"
        raise Usage(f"{whom}: keeps no archive of its changes; set point-in-time: {{}} where that is known")
    return [spec for spec in found if not names or spec.name in names]


def add_bases(target: Target, progress: Progress, among: Collection[str] | None = None) -> list[str]:
    """Add a whole copy to each archive, or to those ``among`` services.

    Returns the services. Raises ``Failure`` or ``HostError``.
    """
    specs = [spec for spec in _archives(target) if among is None or spec.name in among]
    if not specs:
        return []
    with runs.noted(target.root, runs.ARCHIVE), jobs.at_work(target, progress) as (stage, site_of):
        for spec in specs:
            progress(f"{spec.name}: adding a whole copy to its archive")
            site_of(spec.name).save(_archive(spec).base, stage / "said")
    return [spec.name for spec in specs]


def restore(target: Target, services: Sequence[str], at: datetime, progress: Progress) -> None:
    """Bring services to a moment, one after the other.

    Raises ``Failure`` or ``HostError`` for the first that failed: that one is as it was before, and later
    ones were not touched.
    """
    with jobs.at_work(target, progress) as (stage, site_of):
        for service in services:
            site, archive = site_of(service), _archive(target.plan.service(service))
            branch = _branch(site, archive, at, stage, progress)
            with jobs.dependants_stopped(target, service, site_of, progress):
                bring_back.to_moment(site, _recover(archive, archive.place, at, branch), progress)
            progress(f"{service}: restored")


def drill(target: Target, progress: Progress) -> list[Reached]:
    """Bring every archive to this moment in a scratch directory, read all of it, remove it.

    Raises ``Failure`` or ``HostError`` when one does not come back.
    """
    found = []
    if not _archives(target):
        return found
    with runs.noted(target.root, runs.DRILL), jobs.at_work(target, progress) as (stage, site_of):
        for spec in _archives(target):
            began, at, site = time.monotonic(), datetime.now(UTC), site_of(spec.name)
            branch = _branch(site, _archive(spec), at, stage, progress)
            progress(f"{spec.name}: bringing its archive to this moment in a scratch directory")
            site.beside(_recover(_archive(spec), "{place}", at, branch))
            found.append(Reached(spec.name, round(time.monotonic() - began, 2)))
    record.reached(target.root, {one.service: one.seconds for one in found})
    return found


def _archives(target: Target) -> list[ServiceSpec]:
    return [spec for spec in target.covered if spec.backup and spec.backup.archive]


def _archive(spec: ServiceSpec) -> Archive:
    assert spec.backup is not None
    assert spec.backup.archive is not None
    return spec.backup.archive


def _branch(site: Site, archive: Archive, at: datetime, stage: Path, progress: Progress) -> str:
    """The branch of history to follow, once the archive has all that happened."""
    said = stage / "said"
    try:
        site.require_running()
    except Failure as error:
        progress(f"{error}: only what its archive has already can be reached")
        return "latest"
    progress(f"{site.spec.name}: waiting until its archive has everything")
    try:
        site.save(archive.settle, said)
    except (Failure, HostError) as error:
        raise Failure(
            f"{site.spec.name}: its archive cannot be completed, nothing was changed: {error}"
        ) from None
    branch = said.read_text().strip()
    site.save(archive.since, said)
    since = said.read_text().strip()
    if not since:
        raise Failure(f"{site.spec.name}: its archive has no whole copy yet; ./hearth backup adds one")
    first = datetime.fromtimestamp(int(since), UTC)
    if at < first:
        raise Failure(
            f"{site.spec.name}: its archive begins at {first.astimezone():%Y-%m-%d %H:%M:%S %z}; "
            "name a later moment, or restore a backup"
        )
    return branch


def _recover(archive: Archive, place: str, at: datetime, branch: str) -> list[str]:
    values = {"{place}": place, "{moment}": f"{at:%Y-%m-%d %H:%M:%S.%f}+00", "{branch}": branch}
    return [values.get(word, word) for word in archive.recover]
