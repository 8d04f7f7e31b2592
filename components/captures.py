"""What of a service a backup captures, and how it is brought back. Plain frozen values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Capture:
    """One file of a backup: what a command of the running service writes to its standard output.

    Where ``each`` is given, ``name``, ``save`` and ``load`` hold ``{item}``, which stands for each line
    that ``each`` prints.
    """

    name: str
    save: tuple[str, ...]
    each: tuple[str, ...] = ()
    tally: tuple[str, ...]
    """Reads the file, apart from the service, and prints what is in it, a line a fact; fails when the file
    is damaged. After a restore the service is captured again: every line must be there again. It may write
    below ``TMPDIR``."""
    load: tuple[str, ...] = ()
    """Reads the file into the running service."""
    place: str | None = None
    """Where the file is put, below the data directory, before the service starts; instead of ``load``."""
    optional: bool = False
    """A file that cannot be loaded now is reported, and does not fail the restore."""
    told_otherwise: tuple[tuple[str, str], ...] = ()
    """Of the lines of a tally what another version of the program words otherwise: regular expressions and
    what stands instead when two tallies are compared. A line of which nothing is left is no fact."""

    def fact(self, line: str) -> str:
        """A line of a tally, as it is compared."""
        for pattern, instead in self.told_otherwise:
            line = re.sub(pattern, instead, line)
        return line


@dataclass(frozen=True, kw_only=True)
class Archive:
    """Every change of a service, kept as it is made, so that any moment can be had again.

    Commands that run where the service does, as its account and with its environment.
    """

    knows: tuple[str, ...]
    """Fails, and says why, when the archive's program cannot keep data of this format. It needs no data."""
    base: tuple[str, ...]
    """Adds a whole copy to start from, and lets go of those that are too old with what follows them."""
    since: tuple[str, ...]
    """Prints the first moment that can be had, in seconds since 1970; nothing where there is none yet."""
    settle: tuple[str, ...]
    """Waits until all that has happened is in the archive; prints the branch of history it is on."""
    recover: tuple[str, ...]
    """Makes the data of ``{moment}`` on ``{branch}`` below the empty directory ``{place}``, and reads all
    of it. Fails, and says why, when the archive does not reach so far or is damaged."""
    place: str
    """The data directory."""


@dataclass(frozen=True, kw_only=True)
class BackupPolicy:
    """What of a service is captured, and how it is brought back.

    A restore sets the data directory aside, places files in an empty one, starts the service, loads the
    rest, checks, and only then deletes what was there before. Commands run where the service does, as its
    account and with its environment.
    """

    captures: tuple[Capture, ...] = ()
    files: bool = False
    """The data directory as it is while the service is stopped; for programs that have no better way."""
    beside: Mapping[str, str] = field(default_factory=dict)
    """Small files, by path below the data directory, that placed files need beside them."""
    archive: Archive | None = None
    """None where only what a backup captured can be had again."""
    replaces: bool = True
    """Otherwise a restore adds to the data that is there, and sets nothing aside."""


@dataclass(frozen=True, kw_only=True)
class DataFormat:
    """Of data that programs of another version cannot read: it moves by dump and restore alone.

    Each version has a directory of its name below the data directory; while a file ``HELD`` lies beside it,
    the service answers nobody but those who run commands where it runs.
    """

    version: str
    told_in: str
    """File in the version's directory that holds the version, as the program itself writes it."""


HELD = "held"
