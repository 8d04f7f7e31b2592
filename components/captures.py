"""What of a service a backup captures, and how it is brought back. Plain frozen values."""

from __future__ import annotations

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
    replaces: bool = True
    """Otherwise a restore adds to the data that is there, and sets nothing aside."""
