"""From one version of a stack to another: all of it, or what was there before."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from host import declared, files
from host.errors import HostError
from ops import deployments, drift, engine, locks, looks, stacks
from ops.backup import jobs
from ops.backup.target import Target
from ops.deployments import Version
from ops.errors import Failure
from ops.stopping import orderly
from ops.upgrade import journal, move
from ops.upgrade.journal import Journal

if TYPE_CHECKING:
    from components.lock import Lock

Progress = Callable[[str], None]
_ANSWER_SECONDS = 60


@dataclass(frozen=True)
class Stack:
    """The stack that changes, on this machine. ``lock`` is what runs, ``old`` how it was deployed."""

    name: str
    root: Path
    old: Version
    lock: Lock

    @property
    def containers(self) -> bool:
        """Whether its services run as containers."""
        return self.old.config.containers


def opened(stack: str, root: Path) -> Stack:
    """The stack as it was deployed last.

    Raises ``Failure`` where nothing is on record, or something is gone.
    """
    last = deployments.latest(stack, root)
    old = deployments.version(stack, last.file, None)
    lock = locks.observed(old.plan, root, containers=old.config.containers)
    return Stack(stack, root, replace(old, lock=lock), lock)


def target(version: Version, root: Path) -> Target:
    """The stack for ``ops.backup``. Its settings are those of the version, which has some."""
    assert version.config.backup is not None
    values = stacks.values_of(version.file, f"Pulumi.{version.stack}.yaml")
    return Target(
        version.stack,
        root,
        version.plan,
        version.config.backup,
        version.config.containers,
        values,
        version.lock,
    )


def change(stack: Stack, new: Version, note: Journal, progress: Progress) -> None:
    """Deploy ``new``, and see every service answer; go back to what was there where one does not.

    ``note`` says how. Raises ``Failure`` when it was undone, or has yet to be.
    """
    journal.write(stack.root, note)
    try:
        # That undoes the change as well.
        with orderly(lambda number: Failure("it was asked to stop")):
            if note.moves:
                move.data(target(stack.old, stack.root), target(new, stack.root), note.moves, progress)
                move.released(target(stack.old, stack.root), list(note.moves))
            _put(new, note)
            engine.converge(stack.name)
            if note.moves:
                move.woken(target(new, stack.root), progress)
            require_answers(new, stack.root)
            journal.write(stack.root, replace(note, done=True))
    except BaseException as error:
        progress(f"{note.what} failed: {error or type(error).__name__}")
        raise Failure(_undone(stack.name, stack.root, note, _sentence(error), progress)) from None
    finish(stack.name, stack.root, replace(note, done=True), progress)


def _put(new: Version, note: Journal) -> None:
    """Have the project's files be those of the new version."""
    path = declared.stack_file(new.stack)
    if note.project is not None:
        files.write(path, (new.file + declared.salt(note.project)).encode(), mode=0o644)
    if new.lock:
        deployments.write_lock(new.stack, new.lock)
    else:
        files.remove(declared.lock_file(new.stack))


def _undone(stack: str, root: Path, note: Journal, why: str, progress: Progress) -> str:
    """Undo it. Returns what is true now, in one sentence."""
    try:
        restored = undo(stack, root, note, progress)
    except BaseException as error:
        progress(f"going back failed: {error or type(error).__name__}")
        return (
            f"{note.what} failed ({why}), and so did going back ({_sentence(error)}); run "
            f"`./hearth upgrade --stack {stack}` again, which goes back first"
        )
    data = f"; restored from the backup of before: {', '.join(restored)}" if restored else ""
    return f"{note.what} failed ({why}); everything is as it was, and answers{data}"


def _sentence(error: BaseException) -> str:
    """The first line of a reason; the rest was told as progress."""
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".;")


def undo(stack: str, root: Path, note: Journal, progress: Progress) -> list[str]:
    """Go back to what a journal says. Can be repeated. Returns the services whose data had to be restored.

    Raises ``Failure`` or ``HostError`` when something of what was there before does not answer.
    """
    old = deployments.version(stack, note.file, note.lock)
    engine.unlock(stack)
    if note.project is not None:
        files.write(declared.stack_file(stack), note.project.encode(), mode=0o644)
    if note.project_lock is not None:
        files.write(declared.lock_file(stack), note.project_lock.encode(), mode=0o644)
    elif old.lock:
        deployments.write_lock(stack, old.lock)
    if note.moves:
        move.undo(target(old, root), note.moves, progress)
    restored: list[str] = []
    try:
        _deploy_old(old, root, progress)
        require_answers(old, root)
    except (Failure, HostError) as error:
        restored = silent(old, root, note.services)
        if note.snapshot is None or not restored:
            raise
        progress(f"{', '.join(restored)}: not on the data as it is ({error}); restoring the backup of before")
        # What does not start must not keep a restore from beginning.
        move.laid_down(target(old, root), restored)
        jobs.restore(target(old, root), restored, note.snapshot, progress)
        _deploy_old(old, root, progress)
        require_answers(old, root)
    journal.clear(root)
    return restored


def _deploy_old(old: Version, root: Path, progress: Progress) -> None:
    progress("going back to the versions of before")
    with deployments.tried(old.stack, old.file, old.lock) as (words, environment):
        # A container that was stopped is no difference to Pulumi until it looks.
        engine.converge(old.stack, words, environment, refresh=old.config.containers)
    # Where Pulumi sees no difference to what it deployed last it starts nothing.
    if old.config.backup:
        move.woken(target(old, root), progress)
    if not old.config.containers:
        drift.repair(old.stack, progress)


def finish(stack: str, root: Path, note: Journal, progress: Progress) -> None:
    """Tidy up after all services have answered. Can be repeated."""
    last = deployments.latest(stack, root)
    now = deployments.version(stack, last.file, None)
    if note.moves:
        move.finish(target(now, root), note.moves, progress)
    if last.lock is not None:
        seen = locks.observed(now.plan, root, containers=now.config.containers)
        if seen.essence() != last.lock:
            # Only now is known what came along: dependencies, the hashes of wheels.
            progress("locking what really runs")
            deployments.write_lock(stack, seen)
            engine.converge(stack)
    journal.clear(root)


def recover(stack: str, root: Path, progress: Progress) -> str:
    """Put right what a killed run has left. Returns what was done, empty where there was nothing."""
    note = journal.read(root)
    if note is None:
        return ""
    progress(f"{note.what} did not end; putting that right first")
    if note.done:
        engine.unlock(stack)
        finish(stack, root, note, progress)
        return f"{note.what} is complete"
    restored = undo(stack, root, note, progress)
    data = f"; restored from the backup of before: {', '.join(restored)}" if restored else ""
    return f"{note.what} was undone{data}"


def silent(version: Version, root: Path, services: tuple[str, ...] = ()) -> list[str]:
    """Services that do not answer, of these or of all."""
    with looks.opened(version.stack, version.config, root) as see:
        return [
            spec.name
            for spec in version.plan.services
            if (not services or spec.name in services) and see(spec).state != looks.ANSWERS
        ]


def require_answers(version: Version, root: Path) -> None:
    """Raise ``Failure`` unless every service answers within a minute."""
    deadline = time.monotonic() + _ANSWER_SECONDS
    while broken := silent(version, root):
        if time.monotonic() > deadline:
            raise Failure(f"{', '.join(broken)}: does not answer")
        time.sleep(1)
