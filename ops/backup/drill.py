"""The proof that a backup can be restored: done, beside what runs, and compared."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from ops.backup import bring_back, databases, own, reading, record, runs, scratch, sites
from ops.backup.capture import Progress
from ops.backup.jobs import at_work, verified
from ops.backup.manifest import Manifest, Part
from ops.backup.places import Place
from ops.backup.repository import Snapshot
from ops.backup.rounds import rounds
from ops.backup.sites import Site
from ops.backup.target import Target
from ops.errors import Failure


@dataclass(frozen=True)
class Proof:
    """One service that was restored: how much, and how long that took without the deployment."""

    service: str
    size: int
    seconds: float
    facts: int
    """Lines of its tallies that were compared."""


def run(
    target: Target, name: str | None, progress: Progress, place: Place = Place.FIRST
) -> tuple[Snapshot, list[Proof], Sequence[str]]:
    """Restore a backup of every service into scratch instances, and compare.

    Returns the backup, the proofs, and the services of which only the files could be verified, for a
    restore adds to them. Raises ``Failure`` or ``HostError`` when anything does not come back.
    """
    with runs.noted(target.root, runs.DRILL), at_work(target, progress) as (stage, _):
        found = verified(target, name, stage, progress, place)
        snapshot, stored = found.snapshot, found.stored
        covered = [spec for spec in target.covered if spec.name in stored.services]
        whole = [spec.name for spec in covered if spec.backup and spec.backup.replaces]
        if not whole:
            raise Failure(f"backup {snapshot.short}: has no service of this stack that can be drilled")
        reading.fetch(found.repository, snapshot, stored, stage / "files", [own.DIRECTORY, *whole])
        proofs = []
        together = rounds(target, whole, psutil.virtual_memory().available)
        if len(together) > 1:
            progress(f"in {len(together)} rounds: there is not the memory for all services at once")
        for services in together:
            proofs += _restored(target, services, stored, stage, progress)
        record.drilled(target.root, {proof.service: proof.seconds for proof in proofs})
        return snapshot, proofs, [spec.name for spec in covered if spec.name not in whole]


def _restored(
    target: Target, services: Sequence[str], stored: Manifest, stage: Path, progress: Progress
) -> list[Proof]:
    proofs = []
    with (
        scratch.deployed(target, services, stage / "files", progress) as made,
        sites.opened(made) as site_of,
    ):
        for service in services:
            part, began = stored.services[service], time.monotonic()
            bring_back.service(site_of(service), part, stage, progress)
            _require_tables(site_of(service), part, stage, progress)
            facts = sum(len(kept.tally) for kept in part.files)
            proofs.append(Proof(service, part.size, round(time.monotonic() - began, 2), facts))
    return proofs


def _require_tables(site: Site, part: Part, stage: Path, progress: Progress) -> None:
    """Raise ``Failure`` where the service, once it has run on them, left SQLite files damaged or empty."""
    held = [line for kept in part.files if not kept.capture for line in kept.tally]
    if not held:
        return
    progress(f"{site.spec.name}: looking into what it made of its SQLite files")
    again = stage / "again"
    site.stop()
    site.read_data(again)
    gone = databases.lost(held, databases.tally(again, stage))
    again.unlink()
    if gone:
        raise Failure(
            f"{site.spec.name}: does not keep what was stored: no rows are in {', '.join(gone[:3])}"
        )
    # Others may need it.
    site.start()
    site.note.unlink()
