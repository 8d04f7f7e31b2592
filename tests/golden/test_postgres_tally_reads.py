"""What a backup of PostgreSQL counts is its data: the same for whichever version of the tools wrote the dump."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.tools import tool

from components.catalog.postgres import CAPTURES
from ops.backup import capture

DATABASES = next(one for one in CAPTURES if one.each)
# PostgreSQL does not run as root.
ACCOUNT = "nobody" if os.geteuid() == 0 else None
SQL = """
CREATE TABLE things (id serial PRIMARY KEY, what text);
INSERT INTO things (what) SELECT md5(i::text) FROM generate_series(1, 300) i;
CREATE VIEW short AS SELECT id FROM things WHERE id < 10;
"""


class Server:
    """A server of its own, reached through its socket."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.programs = Path(tool("initdb")).parent
        self.env = {
            "PATH": f"{self.programs}:/usr/bin:/bin", "LC_ALL": "C", "TMPDIR": str(directory), "PGHOST": str(directory),
        }  # fmt: skip

    def call(self, *argv: str, text: bytes = b"") -> bytes:
        done = subprocess.run(
            argv, user=ACCOUNT, env=self.env, cwd=self.directory, input=text, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def sql(self, text: str) -> None:
        """Run statements."""
        self.call("psql", "-X", "-q", "-U", "postgres", "-v", "ON_ERROR_STOP=1", text=text.encode())

    def dump(self) -> bytes:
        """The database as a backup stores it."""
        return self.call(*capture.words(DATABASES.save, "postgres"))

    def tally(self, dump: bytes) -> list[str]:
        """What a backup tells of a dump."""
        return self.call(*DATABASES.tally, text=dump).decode().splitlines()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server with some tables."""
    directory = Path(tempfile.mkdtemp(prefix="hearth-", dir="/var/tmp"))
    if ACCOUNT:
        shutil.chown(directory, ACCOUNT)
    made = Server(directory)
    made.call("initdb", "-D", "data", "-U", "postgres", "-A", "trust", "--no-sync")
    options = f"-c listen_addresses= -c fsync=off -k {directory}"
    made.call("pg_ctl", "-D", "data", "-w", "-l", "log", "-o", options, "start")
    try:
        made.sql(SQL)
        yield made
    finally:
        made.call("pg_ctl", "-D", "data", "-m", "immediate", "stop")
        shutil.rmtree(directory)


def test_a_dump_of_another_minor_version_counts_the_same(server: Server) -> None:
    dump = server.dump()
    version = server.call("pg_dump", "--version").split()[2]
    major, _, minor = version.partition(b".")
    other = major + b"." + str(int(minor) % 10).zfill(len(minor)).encode()
    assert other != version
    updated = dump.replace(version, other)
    assert other in server.call("pg_restore", "--list", text=updated)
    assert server.tally(updated) == server.tally(dump)


def test_it_tells_of_rows_and_objects_and_of_nothing_else(server: Server) -> None:
    facts = server.tally(server.dump())
    (table,) = [fact for fact in facts if fact.startswith("table public.things ")]
    assert " rows 300 hash " in table
    assert "object short; Type: VIEW; Schema: public; Owner: postgres" in facts
    assert not [fact for fact in facts if "ersion" in fact or "TOC Entries" in fact or "pg_dump" in fact]


def test_a_dump_that_is_damaged_has_no_facts(server: Server) -> None:
    dump = server.dump()
    for broken in (b"", dump[: len(dump) // 2], dump.replace(b"PGDMP", b"PGDUM")):
        with pytest.raises(AssertionError, match="pg_restore"):
            server.tally(broken)


def test_a_row_that_changed_changes_it(server: Server) -> None:
    before = server.tally(server.dump())
    server.sql("UPDATE things SET what = 'x' WHERE id = 7")
    after = server.tally(server.dump())
    (changed,) = set(before) - set(after)
    assert changed.startswith("table public.things (id, what) rows 300 ")


def test_a_dump_is_left_for_the_repository_to_compress(server: Server) -> None:
    # Compressed, one changed row would change all that follows it, and every night's dump would be stored whole.
    one = server.dump()
    server.sql("UPDATE things SET what = 'y' WHERE id = 8")
    other = server.dump()
    assert hashlib.md5(b"100").hexdigest().encode() in one
    assert len(set(other.splitlines()) - set(one.splitlines())) < 20
