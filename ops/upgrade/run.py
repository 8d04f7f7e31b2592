"""An upgrade: what the stack's file asks for, in the newest versions that can be had."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from host import declared
from ops import deployments
from ops.backup import jobs
from ops.doctor import examination
from ops.errors import Failure
from ops.upgrade import changes, move, offers, transaction
from ops.upgrade.changes import Change
from ops.upgrade.journal import Journal
from ops.upgrade.transaction import Stack

if TYPE_CHECKING:
    from ops.deployments import Version

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Upgrade:
    """What would be done. Nothing has been changed yet."""

    stack: Stack
    new: Version
    changes: Sequence[Change]

    @property
    def moves(self) -> dict[str, list[str]]:
        """Service to the formats of its data, before and after, where they differ."""
        return {one.service: list(one.formats) for one in self.changes if one.formats}

    @property
    def data(self) -> tuple[str, ...]:
        """Services that keep data and get other programs."""
        return tuple(one.service for one in self.changes if one.data != changes.NONE)


def planned(stack: str, root: Path, names: Sequence[str], progress: Progress) -> Upgrade:
    """Find out what is newer. Raises ``ConfigurationError``, ``Failure`` or ``HostError``."""
    found = transaction.opened(stack, root)
    file = declared.without_salt(declared.stack_file(stack).read_text())
    asked = deployments.version(stack, file, None)
    if asked.config.runtime != found.old.config.runtime:
        raise Failure(
            f"Pulumi.{stack}.yaml: asks for {asked.config.runtime}, and {found.old.config.runtime} runs; "
            "an upgrade changes versions alone: move with ./hearth backup, `pulumi up` and ./hearth restore"
        )
    lock = offers.lock(asked.plan, found.lock, names, root, progress, containers=found.containers)
    new = deployments.version(stack, file, lock)
    return Upgrade(found, new, changes.between(found.old.plan, new.plan, found.lock, lock))


def check(upgrade: Upgrade, *, no_backup: bool) -> None:
    """Refuse what would lose data, or would not run here, with the way out. Raises ``Failure``."""
    stack, settings = upgrade.stack.name, upgrade.stack.old.config.backup
    if upgrade.moves and not (settings and upgrade.new.config.backup):
        raise Failure(
            f"Pulumi.{stack}.yaml: no hearth:backup, and the data of {', '.join(upgrade.moves)} must "
            "be moved by dump and restore; write `hearth:backup: {}` and run `pulumi up` as it was before"
        )
    if upgrade.data and settings is None and not no_backup:
        raise Failure(
            f"Pulumi.{stack}.yaml: no hearth:backup, and {', '.join(upgrade.data)} would get other programs "
            "under its data; write `hearth:backup: {}` and run `pulumi up`, or say --no-backup"
        )
    new = upgrade.new
    patient = examination.Patient(stack, new.config, upgrade.stack.root, deployed=False, lock=new.lock)
    found = [one for one in examination.before_up(patient) if one.refuses]
    if found:
        raise Failure(
            f"{found[0].check}: {found[0].problem}; nothing was changed. Mend it with: {found[0].mend}"
            + (f" (and {len(found) - 1} more: ./hearth doctor --stack {stack})" if found[1:] else "")
        )
    if upgrade.moves:
        old, new = (transaction.target(one, upgrade.stack.root) for one in (upgrade.stack.old, upgrade.new))
        move.require(old, new, upgrade.moves)


def make(upgrade: Upgrade, *, no_backup: bool, progress: Progress) -> str | None:
    """Back up, apply, see everything answer. Returns the backup's id; none where none was to be taken.

    Raises ``Failure`` when it was undone.
    """
    stack, old, snapshot = upgrade.stack, upgrade.stack.old, None
    if upgrade.data and old.config.backup and not no_backup:
        snapshot = jobs.back_up(transaction.target(old, stack.root), progress).snapshot.id
    names = ", ".join(one.service for one in upgrade.changes)
    note = Journal(
        what=f"the upgrade of {names}",
        file=old.file,
        lock=stack.lock.model_dump(exclude_none=True),
        project_lock=declared.lock_text(stack.name),
        snapshot=snapshot,
        services=upgrade.data,
        moves=upgrade.moves,
    )
    transaction.change(stack, upgrade.new, note, progress)
    return snapshot
