"""The repository of a stack's backups: restic, https://restic.readthedocs.io

A snapshot is ``pending`` until it was read back; only ``complete`` ones are listed, kept or restored.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from host import execution
from ops.errors import Failure

PENDING, COMPLETE = "pending", "complete"
_SECONDS = 24 * 3600
_NAMED_BY_HASH = ("data", "index", "keys", "snapshots")
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Snapshot:
    """One backup. ``directory`` is where its files were when it was taken."""

    id: str
    time: str
    directory: str
    tags: tuple[str, ...]
    original: str

    @property
    def short(self) -> str:
        """What people call it by."""
        return self.id[:8]


@dataclass(frozen=True)
class Repository:
    """One stack's; ``scratch`` is a directory for restic's own temporary files."""

    path: Path
    program: Path
    password: Path
    stack: str
    scratch: Path

    def open(self) -> None:
        """Make it where there is none, and clear what a killed run left. Raises ``Failure``."""
        for path in (self.program, self.password):
            if not path.exists():
                raise Failure(f"{path}: missing; `pulumi up --stack {self.stack}` puts it there")
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not (self.path / "config").exists():
            self._require_empty()
            self.run("init")
        # Nobody else writes here: whoever did holds no lock on the stack any more.
        self.run("unlock", "--remove-all")
        left = [found.id for found in self._snapshots() if PENDING in found.tags]
        if left:
            self.run("forget", *left)

    def _require_empty(self) -> None:
        strangers = [path for path in self.path.rglob("*") if path.is_file() and path.parent.name != "keys"]
        if strangers:
            raise Failure(
                f"{self.path}: holds {strangers[0].name} and no repository's config; it is damaged, or no "
                "repository: correct hearth:backup.repository"
            )
        # A making of it that was cut short: nothing is in it.
        for path in self.path.iterdir():
            shutil.rmtree(path)

    def snapshots(self) -> list[Snapshot]:
        """The complete backups, oldest first."""
        return [found for found in self._snapshots() if COMPLETE in found.tags]

    def find(self, name: str | None) -> Snapshot:
        """The backup whose id begins with ``name``, or the latest. Raises ``Failure``."""
        known = self.snapshots()
        found = [one for one in known if one.id.startswith(name)] if name else known[-1:]
        if not known:
            raise Failure(f"{self.path}: there is no complete backup; make one with ./hearth backup")
        if len(found) != 1:
            raise Failure(f"{name}: names no backup, or more than one; ./hearth backups lists them")
        return found[0]

    def write(self, directory: Path) -> tuple[Snapshot, int]:
        """Store a directory as a pending snapshot. Returns it, and how many bytes that added."""
        output = self.run(
            "backup", "--json", "--quiet", "--tag", PENDING, "--host", self.stack, str(directory)
        )
        summary = json.loads(output.splitlines()[-1])
        (made,) = [one for one in self._snapshots() if one.id.startswith(summary["snapshot_id"])]
        return made, summary["data_added"]

    def complete(self, snapshot: Snapshot) -> Snapshot:
        """Have it count from now on. Its id is another one then."""
        self.run("tag", "--set", COMPLETE, snapshot.id)
        (made,) = [one for one in self.snapshots() if one.original == snapshot.id]
        return made

    def thin_out(self, daily: int, weekly: int) -> int:
        """Keep the last backup of so many days and weeks. Returns how many are left."""
        keep = ["--keep-daily", str(daily), "--keep-weekly", str(weekly)]
        self.run("forget", "--tag", COMPLETE, "--group-by", "host", *keep, "--prune")
        return len(self.snapshots())

    def check(self) -> None:
        """Raise ``Failure`` when its structure is damaged."""
        self.run("check")

    def check_every_file(self) -> None:
        """Raise ``Failure`` when the content of any file in it is not what it was. Reads all of them."""
        for folder in _NAMED_BY_HASH:
            for path in sorted((self.path / folder).rglob("*")):
                # Others are temporary files of a killed run.
                if _HASH.fullmatch(path.name) and path.is_file() and _digest(path) != path.name:
                    raise Failure(f"{path}: damaged; nothing was restored from this repository")

    def _snapshots(self) -> list[Snapshot]:
        found = json.loads(self.run("snapshots", "--json") or "null") or []
        return [_snapshot(raw) for raw in found if raw["hostname"] == self.stack]

    def command(self, *arguments: str) -> list[str]:
        """The words of a call."""
        return [str(self.program), "--no-cache", *arguments]

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment of a call; the password itself is in its file alone."""
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self.scratch),
            "TMPDIR": str(self.scratch),
            "RESTIC_REPOSITORY": str(self.path),
            "RESTIC_PASSWORD_FILE": str(self.password),
        }

    def run(self, *arguments: str) -> str:
        """One call of restic, its standard output. Raises ``Failure`` with its last words."""
        with (self.scratch / "output").open("w+b") as output:
            argv = self.command(*arguments)
            outcome = execution.run(argv, timeout=_SECONDS, env=self.environment, stdout=output)
            output.seek(0)
            text = output.read().decode(errors="replace")
        if not outcome.ok:
            raise Failure(f"restic {arguments[0]}: {reason(outcome.output or text)}")
        return text


def reason(text: str) -> str:
    """Restic's last words, in one line."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("\t")]
    return "; ".join(lines[-3:]) or "it failed and gave no reason"


def _snapshot(raw: Mapping[str, Any]) -> Snapshot:
    tags: Sequence[str] = raw.get("tags") or ()
    return Snapshot(raw["id"], raw["time"], raw["paths"][0], tuple(tags), raw.get("original", ""))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
