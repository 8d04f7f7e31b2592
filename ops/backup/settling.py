"""The stack's own files of a backup, put where a deployment looks for them on a machine that has none."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from components import backup
from host import declared, files
from host.containers import client
from ops import engine, purge_guard, stacks
from ops.backup.capture import Progress
from ops.errors import Failure

_NOTE = "recovering"


@dataclass(frozen=True)
class Source:
    """Where the backups are, and what opens them."""

    location: str
    password: Path
    credentials: Path | None = None


def settle(stack: str, source: Source, own_files: Path, progress: Progress) -> Path:
    """Put everything where a deployment looks for it. Returns the note that stands until all is back."""
    file = Path(f"Pulumi.{stack}.yaml")
    note = _standing_note(stack)
    if note:
        progress(f"{file}: stays as it is; an earlier run has put it there")
    else:
        _require_nothing(stack, own_files / file.name)
        _passphrase(own_files / "passphrase")
        for one in (declared.lock_file(stack), file):
            _put(one, files.read(own_files / one.name), progress)
        note = _note_of(stack)
    root = note.parent.parent
    files.directory(note.parent / "secrets", mode=0o700)
    files.write(note, b"", mode=0o600)
    given = {backup.password_file(str(root)): source.password}
    if source.credentials:
        given[backup.credentials_file(str(root), _key(stack, source))] = source.credentials
    lock = declared.lock_file(stack)
    if (own_files / lock.name).is_file() and not lock.exists():
        given[str(lock)] = own_files / lock.name
    files.directory(root / "secrets", mode=0o700)
    given |= {str(root / "secrets" / path.name): path for path in (own_files / "secrets").glob("*")}
    for place, path in given.items():
        files.write(Path(place), path.read_bytes(), mode=0o600)
    return note


def _key(stack: str, source: Source) -> str:
    """Whose URL the credentials are for: that of ``repository``, unless only ``copy_to`` can be it."""
    settings = stacks.configured(stack).backup
    if settings and (settings.copy_to == source.location or (settings.repository or "").startswith("/")):
        return "copy_to"
    return "repository"


def _standing_note(stack: str) -> Path | None:
    # A file that cannot be read is none of ours; it is put aside.
    with contextlib.suppress(Failure):
        note = _note_of(stack)
        return note if note.exists() else None
    return None


def _note_of(stack: str) -> Path:
    return stacks.root(stack, stacks.configured(stack)) / backup.DIRECTORY / _NOTE


def _put(file: Path, kept: bytes | None, progress: Progress) -> None:
    """The file as the backup has it, or not at all; another one is put aside."""
    before = files.read(file)
    if before is not None and before != kept:
        aside = file.with_name(f"{file.name}.before-recovery")
        file.replace(aside)
        progress(f"{file}: is that of the backup now; what was there is in {aside}")
    if kept is not None:
        files.write(file, kept, mode=0o644)


def _require_nothing(stack: str, kept: Path) -> None:
    """Raise ``Failure`` where there is anything of the stack that would be replaced."""
    if engine.resources(stack):
        raise Failure(f"stack {stack} is deployed here; use ./hearth restore, or `pulumi destroy` first")
    config = stacks.configured_from(kept)
    root = stacks.root(stack, config)
    there = [str(path) for path in sorted(root.glob("*")) if path.name != backup.DIRECTORY]
    if config.containers:
        with client.daemon() as daemon:
            there += [f"volume {one.name}" for one in purge_guard.volumes(daemon, stack)]
    if there:
        raise Failure(
            f"{there[0]}: is there already, and a recovery needs a machine without this stack; use "
            "./hearth restore, or ./hearth purge first"
        )


def _passphrase(kept: Path) -> None:
    """Have the state under the passphrase that it was under: the stack's file may hold secrets of it."""
    named = os.environ.get("PULUMI_CONFIG_PASSPHRASE_FILE")
    if not kept.is_file() or not named:
        return
    place = Path(named)
    if place.is_file() and place.read_bytes() == kept.read_bytes():
        return
    states = [path for path in place.parent.rglob("stacks/**/*.json") if path.is_file()]
    if states:
        raise Failure(
            f"{place}: is another passphrase than that of the backup, and {states[0].stem} is under it; "
            "recover in a checkout of its own"
        )
    files.write(place, kept.read_bytes(), mode=0o600)
