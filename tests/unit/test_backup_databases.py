"""SQLite files inside an archive of a data directory: told of table by table, or refused."""

from __future__ import annotations

import shutil
import sqlite3
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from ops.backup import databases
from ops.errors import Failure

Make = Callable[[sqlite3.Connection], object]


@pytest.fixture
def held(tmp_path: Path) -> Callable[..., tuple[str, ...]]:
    """The tally of a directory with one file that ``make`` fills; ``then`` happens to the directory."""

    def tally(make: Make, then: Callable[[Path], object] = lambda data: None) -> tuple[str, ...]:
        data, work = tmp_path / "data", tmp_path / "work"
        for path in (data, work):
            shutil.rmtree(path, ignore_errors=True)
        (data / "deep").mkdir(parents=True)
        work.mkdir()
        (data / "notes.txt").write_text("no database")
        connection = sqlite3.connect(data / "deep" / "app.bin")
        make(connection)
        connection.commit()
        then(data)
        connection.close()
        with tarfile.open(tmp_path / "data.tar", "w") as archive:
            archive.add(data, "data")
        found = databases.tally(tmp_path / "data.tar", work)
        assert not list(work.iterdir())
        return found

    return tally


def rows(connection: sqlite3.Connection, count: int = 5) -> None:
    connection.execute('CREATE TABLE "odd ""name""" (id integer PRIMARY KEY, what text, raw blob)')
    connection.executemany(
        'INSERT INTO "odd ""name""" (what, raw) VALUES (?, ?)', [(f"é{i}", b"\xff") for i in range(count)]
    )
    connection.execute("CREATE TABLE empty (x)")


def test_every_table_is_told_of_by_its_rows_and_their_hash(held: Callable[..., tuple[str, ...]]) -> None:
    first, second = held(rows)
    assert first == 'sqlite deep/app.bin table "empty" rows 0 hash ' + first.rpartition(" ")[2]
    assert second.startswith('sqlite deep/app.bin table "odd \\"name\\"" rows 5 hash ')
    assert held(rows) == (first, second)
    assert held(lambda connection: rows(connection, 6))[1] != second


def test_changes_that_are_in_the_log_alone_count(held: Callable[..., tuple[str, ...]]) -> None:
    def logged(connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        rows(connection)

    def killed(data: Path) -> None:
        # As a program leaves it that was not asked to stop.
        for path in list((data / "deep").iterdir()):
            shutil.copy(path, data / path.name)
        shutil.rmtree(data / "deep")

    (_, second) = held(logged, killed)
    assert second.startswith('sqlite app.bin table "odd \\"name\\"" rows 5 hash ')


def test_an_index_of_words_is_no_table_of_its_own(held: Callable[..., tuple[str, ...]]) -> None:
    def searched(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE VIRTUAL TABLE words USING fts5(text)")
        connection.execute("INSERT INTO words VALUES ('bread')")

    assert any('"words_content" rows 1 ' in line for line in held(searched))


@pytest.mark.parametrize("at", [0.3, 0.6, 0.95])
def test_a_damaged_one_is_refused(held: Callable[..., tuple[str, ...]], at: float) -> None:
    def spoilt(data: Path) -> None:
        path = data / "deep" / "app.bin"
        content = bytearray(path.read_bytes())
        middle = int(len(content) * at) // 4096 * 4096
        content[middle : middle + 200] = b"\x55" * 200
        path.write_bytes(content)

    with pytest.raises(Failure, match=r"deep/app\.bin: is damaged: "):
        held(lambda connection: rows(connection, 3000), spoilt)


def test_what_is_lost_is_what_had_rows_and_has_none(held: Callable[..., tuple[str, ...]]) -> None:
    before = held(rows)
    assert databases.lost(before, held(lambda connection: rows(connection, 1))) == []
    assert databases.lost(before, held(lambda connection: rows(connection, 0))) == [
        'sqlite deep/app.bin table "odd \\"name\\""'
    ]
    assert len(databases.lost(before, ())) == 1
