"""The SQLite files in an archive of a data directory: whether they are whole, and what is in them.

https://www.sqlite.org/pragma.html#pragma_integrity_check
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from host.sqlite_check import MAGIC
from ops.errors import Failure

# What of the last changes SQLite may have left beside a file: https://www.sqlite.org/tempfiles.html
_BESIDE = ("-wal", "-journal")
_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY 1"
# What a program has taught its own SQLite, and this one does not know.
_FOREIGN = ("no such module", "no such function", "no such collation", "no such tokenizer")


def tally(archive: Path, work: Path) -> tuple[str, ...]:
    """A line for each table, with its rows and their hash. ``work`` has room for one file at a time.

    Raises ``Failure`` with the first file that is damaged.
    """
    found: list[str] = []
    with tarfile.open(archive) as stored:
        members = {member.name: member for member in stored if member.isfile()}
        for name, member in members.items():
            content = stored.extractfile(member)
            assert content is not None
            if content.read(len(MAGIC)) != MAGIC:
                continue
            file = work / "sqlite"
            beside = [end for end in _BESIDE if name + end in members]
            for end in ("", *beside):
                _extract(stored, members[name + end], file.with_name(file.name + end))
            path = name.partition("/")[2]
            try:
                found += _tables(file, path)
            except sqlite3.DatabaseError as error:
                raise Failure(f"{path}: is damaged: {error}") from None
            finally:
                for left in work.glob(f"{file.name}*"):
                    left.unlink()
    return tuple(found)


def lost(before: Sequence[str], after: Sequence[str]) -> list[str]:
    """Tables of a tally that had rows, and are empty or gone in a later one.

    What a program does to its rows when it starts is its own affair.
    """
    return sorted(_filled(before) - _filled(after))


def _filled(lines: Sequence[str]) -> set[str]:
    return {line.partition(" rows ")[0] for line in lines if " rows 0 " not in line}


def _extract(stored: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    content = stored.extractfile(member)
    assert content is not None
    with content, target.open("wb") as file:
        shutil.copyfileobj(content, file)


def _tables(file: Path, path: str) -> Iterator[str]:
    with closing(sqlite3.connect(file)) as connection:
        connection.text_factory = bytes
        try:
            said = [row[0].decode() for row in connection.execute("PRAGMA integrity_check(3)")]
        except sqlite3.OperationalError as error:
            if not _foreign(error):
                raise
            said = ["ok"]
        if said != ["ok"]:
            raise Failure(f"{path}: is damaged: {'; '.join(' '.join(line.split()) for line in said)}")
        for (table,) in connection.execute(_TABLES).fetchall():
            name = table.decode(errors="replace")
            yield f"sqlite {path} table {json.dumps(name)} {_rows(connection, name)}"


def _rows(connection: sqlite3.Connection, table: str) -> str:
    quoted = table.replace('"', '""')
    rows, digest = 0, hashlib.sha256()
    try:
        for row in connection.execute(f'SELECT * FROM "{quoted}"'):
            rows += 1
            digest.update(repr(row).encode())
    except sqlite3.OperationalError as error:
        if not _foreign(error):
            raise
        return "rows unknown hash none"
    return f"rows {rows} hash {digest.hexdigest()}"


def _foreign(error: sqlite3.OperationalError) -> bool:
    return any(words in str(error) for words in _FOREIGN)
