"""The repository of a stack's backups: restic, https://restic.readthedocs.io

A snapshot is pending until it was read back; only complete ones are listed, kept or restored.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from host import execution
from ops.backup import urls
from ops.errors import Failure

# restic copies tags as well: what is complete in the first repository is pending in the second.
PENDING, COMPLETE, COPIED = "pending", "complete", "copied"
_SECONDS = 24 * 3600
_NAMED_BY_HASH = ("data", "index", "keys", "snapshots")
_HASH = re.compile(r"[0-9a-f]{64}")
# What restic's check says of a file that the index names.
_MISSING = re.compile(rf"pack {_HASH.pattern}: does not exist")
# What it says before its last words, of servers.
_ON_THE_WAY = ("Is there a repository at", " returned error, retrying after ")
# What a kill leaves of a file that was being written; restic itself never looks at it again.
_PARTIAL = re.compile(rf"{_HASH.pattern}-tmp-\d+")


@dataclass(frozen=True)
class Stored:
    """What the repository has of one run. ``directory`` is where its files were when it was taken."""

    id: str
    directory: str

    @property
    def short(self) -> str:
        """What people call it by."""
        return self.id[:8]


@dataclass(frozen=True)
class Snapshot(Stored):
    """One backup. ``original`` is the id that it had before it was complete."""

    time: str
    tags: tuple[str, ...]
    original: str


@dataclass(frozen=True)
class Repository:
    """One stack's. ``location`` is a directory, or a URL as restic knows it.

    ``scratch`` is a directory for restic's own temporary files, ``credentials`` what it finds in its
    environment, and ``first`` the repository that this one has copies of. ``untouched`` is one that is only
    read, for it may be the last that is left.
    """

    location: str
    program: Path
    password: Path
    stack: str
    scratch: Path
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    first: Repository | None = None
    untouched: bool = False

    @property
    def path(self) -> Path | None:
        """Its directory, where it is one of this machine."""
        return Path(self.location) if self.location.startswith("/") else None

    @property
    def _pending(self) -> str:
        return COMPLETE if self.first else PENDING

    @property
    def _complete(self) -> str:
        return COPIED if self.first else COMPLETE

    def open(self, known: Collection[str] = ()) -> None:
        """Make it where there is none, and clear what a killed run left. Raises ``Failure``.

        ``known`` are ids of complete backups: a directory that holds just these has nothing else to clear.
        """
        for path in (self.program, self.password):
            if not path.exists():
                raise Failure(f"{path}: missing; `pulumi up --stack {self.stack}` puts it there")
        if not self.exists():
            self._prepare()
            # With the first one's way of cutting files, what both hold is stored once.
            self.run("init", *(["--copy-chunker-params"] if self.first else []))
        # Nobody else writes here: whoever did holds no lock on the stack any more.
        if self.path is None or any((self.path / "locks").glob("*")):
            self.run("unlock", "--remove-all")
        for path in self.path.rglob("*") if self.path else ():
            if _PARTIAL.fullmatch(path.name):
                path.unlink()
        if self.path and {path.name for path in (self.path / "snapshots").iterdir()} == set(known):
            return
        left = [found.id for found in self._snapshots() if self._pending in found.tags]
        if left:
            # They count for nothing, also where a server lets nothing be removed.
            with contextlib.suppress(Failure):
                self.run("forget", *left)

    def exists(self) -> bool:
        """Whether it was ever made, and is there. Raises ``Failure`` where that cannot be said."""
        if self.path:
            return (self.path / "config").exists()
        try:
            self.run("cat", "config")
        except Failure as error:
            # A server that does not answer may have it.
            if not urls.is_none(str(error)):
                raise
            return False
        return True

    def _prepare(self) -> None:
        """Have an empty directory for it; what else is in it is nobody's to delete."""
        if self.path is None:
            return
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        strangers = [path for path in self.path.rglob("*") if path.is_file() and path.parent.name != "keys"]
        if strangers:
            raise Failure(
                f"{self.path}: holds {strangers[0].name} and no repository's config; it is damaged, or no "
                f"repository: correct hearth:backup.{'copy-to' if self.first else 'repository'}"
            )
        # A making of it that was cut short: nothing is in it.
        for path in self.path.iterdir():
            shutil.rmtree(path)

    def snapshots(self) -> list[Snapshot]:
        """The complete backups, oldest first."""
        # Of one that is only read nobody has said yet which of the two it is.
        wanted = {COMPLETE, COPIED} if self.untouched else {self._complete}
        return [found for found in self._snapshots() if wanted & set(found.tags)]

    def stacks(self) -> list[str]:
        """The stacks that have backups here. Raises ``Failure`` where there is no way in."""
        found = json.loads(self.run("snapshots", "--json") or "null") or []
        return sorted({raw["hostname"] for raw in found})

    def find(self, name: str | None, known: Sequence[Snapshot]) -> Snapshot:
        """The one of ``known`` whose id begins with ``name``, or the latest. Raises ``Failure``."""
        found = [one for one in known if one.id.startswith(name)] if name else known[-1:]
        if not known:
            raise Failure(f"{self.location}: there is no complete backup; make one with ./hearth backup")
        if len(found) != 1:
            raise Failure(f"{name}: names no backup, or more than one; ./hearth backups lists them")
        return found[0]

    def write(self, directory: Path) -> tuple[Stored, int]:
        """Store a directory; it is pending. Returns what was stored, and how many bytes that added."""
        output = self.run(
            "backup", "--json", "--quiet", "--tag", PENDING, "--host", self.stack, str(directory)
        )
        summary = json.loads(output.splitlines()[-1])
        return Stored(summary["snapshot_id"], str(directory)), summary["data_added"]

    def complete(self, pending: Stored) -> Snapshot:
        """Have it count from now on. Its id is another one then."""
        self.run("tag", "--set", self._complete, pending.id)
        # A copy knows whose it is.
        origin = pending.original if isinstance(pending, Snapshot) else pending.id
        (made,) = [one for one in self.snapshots() if one.original.startswith(origin)]
        return made

    def copied(self, snapshot: Snapshot) -> Snapshot:
        """Have a copy of one of the first repository's, which is pending here. Returns it."""
        self.run("copy", snapshot.id)
        origin = snapshot.original or snapshot.id
        (made,) = [one for one in self._snapshots() if one.original == origin]
        return made

    def thin_out(self, daily: int, weekly: int) -> list[Snapshot]:
        """Keep the last backup of so many days and weeks. Returns those that are left, oldest first."""
        keep = ["--keep-daily", str(daily), "--keep-weekly", str(weekly)]
        output = self.run("forget", "--json", "--tag", self._complete, "--group-by", "host", *keep, "--prune")
        # What it says of pruning follows, and is for people.
        groups = json.loads(output.splitlines()[0])
        return sorted(
            (found for group in groups for found in self._own(group["keep"])), key=lambda found: found.time
        )

    def check(self, *options: str) -> None:
        """Raise ``Failure`` when its structure is damaged."""
        process = subprocess.Popen(
            self.command("check", *options),
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            preexec_fn=execution.die_with_parent(),
        )
        with process:
            assert process.stdout is not None
            said = []
            for line in process.stdout:
                said.append(line)
                if _MISSING.match(line):
                    # It would try again to read it, for a minute.
                    process.send_signal(signal.SIGINT)
                    raise Failure(f"{self.location}: {line.strip()}; it is damaged")
        if process.returncode:
            raise Failure(f"{self.location}: restic check: {reason(''.join(said))}")

    def check_every_file(self) -> None:
        """Raise ``Failure`` when the content of any file in it is not what it was. Reads all of them."""
        if self.path is None:
            # A run that lost its server has left a lock, which is no reason not to read.
            self.check("--read-data", "--no-lock")
            return
        for folder in _NAMED_BY_HASH:
            for path in sorted((self.path / folder).rglob("*")):
                # Others are temporary files of a killed run.
                if _HASH.fullmatch(path.name) and path.is_file() and _digest(path) != path.name:
                    raise Failure(f"{path}: damaged; nothing was restored from this repository")

    def _snapshots(self) -> list[Snapshot]:
        return self._own(json.loads(self.run("snapshots", "--json") or "null") or [])

    def _own(self, found: Sequence[Mapping[str, Any]]) -> list[Snapshot]:
        return [_snapshot(raw) for raw in found if raw["hostname"] == self.stack]

    def command(self, *arguments: str) -> list[str]:
        """The words of a call."""
        return [str(self.program), "--no-cache", *(["--no-lock"] if self.untouched else []), *arguments]

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment of a call; the password itself is in its file alone."""
        source = {
            "RESTIC_FROM_REPOSITORY": urls.addressed(self.first.location, self.first.credentials),
            "RESTIC_FROM_PASSWORD_FILE": str(self.first.password),
        } if self.first else {}  # fmt: skip
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            # Where rclone has its settings.
            "HOME": os.environ.get("HOME", str(self.scratch)),
            "TMPDIR": str(self.scratch),
            "RESTIC_REPOSITORY": urls.addressed(self.location, self.credentials),
            "RESTIC_PASSWORD_FILE": str(self.password),
            **urls.environment(self.credentials, self.first.credentials if self.first else {}),
            **source,
        }

    def run(self, *arguments: str) -> str:
        """One call of restic, its standard output. Raises ``Failure`` with its last words."""
        with (self.scratch / "output").open("w+b") as output:
            argv = self.command(*arguments)
            outcome = execution.run(argv, timeout=_SECONDS, env=self.environment, stdout=output)
            output.seek(0)
            text = output.read().decode(errors="replace")
        if not outcome.ok:
            raise Failure(f"{self.location}: restic {arguments[0]}: {reason(outcome.output or text)}")
        return text


def reason(text: str) -> str:
    """Restic's last words, in one line."""
    # Those without a space, and those that are indented, are where in the program that was.
    lines = [line.strip() for line in text.splitlines() if " " in line.strip() and not line.startswith("\t")]
    last = [line for line in lines if not any(word in line for word in _ON_THE_WAY)] or lines
    return ("; ".join(last[-3:]) or "it failed and gave no reason") + urls.advice(text)


def _snapshot(raw: Mapping[str, Any]) -> Snapshot:
    tags: Sequence[str] = raw.get("tags") or ()
    return Snapshot(raw["id"], raw["paths"][0], raw["time"], tuple(tags), raw.get("original", ""))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
