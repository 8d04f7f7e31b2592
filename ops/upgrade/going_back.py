"""Any earlier deployment's configuration again: its file and its lock. Data stays as it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components import lock as locks
from components.lock import Lock
from host import declared, deployments, files
from host.deployments import Deployment
from ops import deployments as versions
from ops import engine, images, stacks
from ops.errors import Failure, Usage
from ops.upgrade import changes, transaction
from ops.upgrade.journal import Journal
from ops.upgrade.transaction import Stack

if TYPE_CHECKING:
    from ops.deployments import Version

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Rollback:
    """What would be done. Nothing has been changed yet."""

    stack: Stack
    to: Deployment
    new: Version
    summary: str


def listed(stack: str, root: Path) -> list[tuple[Deployment, str]]:
    """Every deployment on record with what it changed, oldest first."""
    found: list[tuple[Deployment, str]] = []
    before = None
    for one in deployments.read(root):
        after = _content(stack, one)
        found.append((one, changes.summary(before, after)))
        before = after
    return found


def planned(stack: str, root: Path, number: int) -> Rollback:
    """Find out what would change. Raises ``Usage`` for an unknown number, ``Failure`` for what cannot be."""
    known = {one.number: one for one in deployments.read(root)}
    if number not in known:
        numbers = ", ".join(map(str, known)) or "none"
        raise Usage(f"{number}: no deployment of this stack; on record are {numbers}")
    found = transaction.opened(stack, root)
    to = known[number]
    new = versions.version(stack, to.file, None)
    if to.lock is not None:
        # A newer Hearth may ask for other versions by itself; these ran then.
        ran = Lock.model_validate(to.lock)
        lock = locks.asked_again(ran, new.plan.services, containers=new.config.containers)
        new = versions.version(stack, to.file, lock)
    if new.config.runtime != found.old.config.runtime:
        raise Failure(
            f"deployment {number}: ran under {new.config.runtime}; going back does not move data there"
        )
    for spec in new.plan.services:
        there = next((one for one in found.old.plan.services if one.name == spec.name), None)
        if there and there.format and spec.format and there.format.version != spec.format.version:
            raise Failure(
                f"deployment {number}: has {spec.name} {spec.format.version}, whose programs cannot read the "
                f"data of {there.format.version}; nothing was changed. Its data of then is kept in "
                f"{spec.volumes[0].path}/{spec.format.version}.kept-*, and a backup of then has it, too"
            )
    refused = images.refused(new.plan.services) if new.config.containers else []
    if refused:
        mend = f". Mend it with: {refused[0].answer.mend}" if refused[0].answer.mend else ""
        raise Failure(f"deployment {number}: {refused[0]}; nothing was changed{mend}")
    summary = changes.summary(_content(stack, deployments.read(root)[-1]), _content(stack, to))
    return Rollback(found, to, new, summary)


def preview(rollback: Rollback) -> None:
    """Have Pulumi show every change, on stderr."""
    with versions.tried(rollback.new.stack, rollback.new.file, rollback.new.lock) as (words, environment):
        engine.preview(rollback.new.stack, words, environment)


def make(rollback: Rollback, progress: Progress) -> Path | None:
    """Deploy it. Returns where the present file was put, if it is on record nowhere. Raises ``Failure``."""
    stack, path = rollback.stack, declared.stack_file(rollback.stack.name)
    present = path.read_text()
    saved = None
    if declared.without_salt(present) not in {one.file for one in deployments.read(stack.root)}:
        saved = path.with_name(f"{path.name}.before-rollback")
        files.write(saved, present.encode(), mode=0o644)
    note = Journal(
        what=f"going back to deployment {rollback.to.number}",
        file=stack.old.file,
        lock=stack.lock.model_dump(exclude_none=True),
        project_lock=declared.lock_text(stack.name),
        project=present,
    )
    transaction.change(stack, rollback.new, note, progress)
    return saved


def _content(stack: str, one: Deployment) -> tuple[dict[str, Any], Lock | None]:
    lock = None if one.lock is None else Lock.model_validate(one.lock)
    return stacks.values_of(one.file, f"deployment {one.number}"), lock


def rows(found: Sequence[tuple[Deployment, str]]) -> list[dict[str, Any]]:
    """For ``--json``."""
    return [
        {
            "deployment": one.number,
            "time": one.time,
            "by": one.by,
            "locked": one.lock is not None,
            "changed": what,
        }
        for one, what in found
    ]
