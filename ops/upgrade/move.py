"""Data that programs of another version cannot read: dumped by the old ones, loaded by the new ones.

The old service answers nobody while its last dump is made and loaded, so what the new one has is all there
was. The old data is never written to again, and is kept until a purge.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from components.captures import HELD
from host.errors import HostError
from host.packages import install, request
from ops.backup import bring_back, capture, desk, jobs, moment, own, scratch, sites
from ops.backup.capture import Progress
from ops.backup.sites import Site
from ops.errors import Failure

if TYPE_CHECKING:
    from components.spec import ServiceSpec
    from ops.backup.target import Target


def require(old: Target, new: Target, moves: Mapping[str, Sequence[str]]) -> None:
    """Read of what version the data of each service really is, and ask whether what it moves to is archived.

    Raises ``Failure`` when it is another, or cannot be.
    """
    with sites.opened(old) as site_of, tempfile.TemporaryDirectory() as made:
        for service, (version, _) in moves.items():
            spec = old.plan.service(service)
            assert spec.format is not None
            path = f"{spec.volumes[0].path}/{version}/{spec.format.told_in}"
            site, told = site_of(service), Path(made) / "told"
            site.require_running()
            site.save(("cat", path), told)
            if told.read_text().strip() != version:
                raise Failure(
                    f"{service}: {path} says {told.read_text().strip()}, and {version} was deployed; nothing "
                    "was changed. Bring its data back to what was deployed first, with ./hearth restore"
                )
            _require_archive(site, new.plan.service(service))


def _require_archive(site: Site, later: ServiceSpec) -> None:
    archive = later.backup.archive if later.backup else None
    if archive:
        try:
            site.foretell(archive.knows, later)
        except HostError as error:
            raise Failure(f"{later.name}: nothing was changed: {str(error).splitlines()[-1]}") from None


def data(old: Target, new: Target, moves: Mapping[str, Sequence[str]], progress: Progress) -> None:
    """Have the data of each service in its new format beside the old one. The services stand still then."""
    for service in () if new.containers else moves:
        package = new.plan.service(service).package
        assert package is not None
        # Before anything stands still: a wheel takes longer than its data.
        install.fetch(request.parse({"root": str(new.root), "name": service, **package.as_data()}))
    with jobs.at_work(old, progress) as (stage, site_of):
        own.gather(old.stack, old.root, stage)
        with (
            scratch.deployed(new, list(moves), stage / "files", progress) as made,
            sites.opened(made) as beside,
        ):
            for service, (_, version) in moves.items():
                _one(old, site_of, service, beside(service), version, stage, progress)


def _one(
    old: Target,
    site_of: Callable[[str], Site],
    service: str,
    beside: Site,
    version: str,
    stage: Path,
    progress: Progress,
) -> None:
    jobs.stop_dependants(old, service, site_of, progress)
    site = site_of(service)
    empty = stage / HELD
    empty.touch()
    progress(f"{service}: answers nobody from now on, but for its dump")
    site.place({HELD: empty})
    site.stop()
    site.start()
    part = capture.service(site, stage, progress)
    problems = bring_back.service(beside, part, stage, progress)
    if problems:
        raise Failure(f"{service}: {problems[0]}")
    beside.stop()
    site.stop()
    site.take(beside, version)
    site.remove(HELD)
    progress(f"{service}: moved, every row compared")


def undo(target: Target, moves: Mapping[str, Sequence[str]], progress: Progress) -> None:
    """Leave each service stopped, with its old data where it was; what is in the new format goes aside."""
    scratch.clear(target)
    # Empties the stage as well, in which the killed run had its dumps.
    with desk.working(target.root), sites.opened(target) as site_of:
        for service, (_, version) in moves.items():
            progress(f"{service}: back to its data as it was")
            site = site_of(service)
            site.stop()
            site.remove(HELD)
            site.rename(version, f"{version}.left-{int(time.time())}")


def finish(target: Target, moves: Mapping[str, Sequence[str]], progress: Progress) -> None:
    """Set the old data aside, so that nothing starts on it by mistake, and have archives begin with the new.

    ``target`` is the stack of now.
    """
    with sites.opened(target) as site_of:
        for service, (version, _) in moves.items():
            site_of(service).rename(version, f"{version}.kept-{int(time.time())}")
    try:
        moment.add_bases(target, progress, moves)
    except (Failure, HostError) as error:
        # The data has moved, and is in a backup; the next one tries this again.
        progress(f"no whole copy for the archive yet, ./hearth backup adds one: {error}")


def released(target: Target, services: Sequence[str]) -> None:
    """Say that services are not stopped by hand any more: the deployment that follows starts them."""
    with sites.opened(target) as site_of:
        for service in services:
            site_of(service).note.unlink(missing_ok=True)


def laid_down(target: Target, services: Sequence[str]) -> None:
    """Have services stand still with the data that they had, as if nobody had touched them."""
    with desk.working(target.root), sites.opened(target) as site_of:
        for service in services:
            site = site_of(service)
            site.stop()
            site.put_back()
            site.note.unlink()


def woken(target: Target, progress: Progress) -> None:
    """Start whatever is still stopped."""
    with sites.opened(target) as site_of:
        for service in sites.interrupted(target):
            progress(f"{service}: starting")
            bring_back.restart(site_of(service))
