"""Another major of PostgreSQL in a container, with an archive of every change: by dump and restore, or not at all."""

from __future__ import annotations

import copy
import hashlib
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import docker
import psycopg
import pytest
from docker.models.containers import Container

from components.runtimes.docker_arguments import PLACES
from tests.e2e import kept, majors, writers
from tests.e2e.image import POSTGRES
from tests.e2e.kept import ops
from tests.e2e.workbench import Workbench

pytestmark = pytest.mark.long

STACK = "majorbox"
ROLES = {"app": "app", "books": "books", "reader": "books"}
"""Who logs in, to which database."""
READER = "made by the owner"
CONFIG: dict[str, Any] = {
    "runtime": "docker",
    "host": {"reserve": "512MiB"},
    "backup": {"schedule": None},
    "services": {
        "postgres": {
            "memory": "256MiB",
            "version": POSTGRES,
            "point-in-time": {"lose": "5s"},
            "databases": [{"name": "app"}, {"name": "books", "extensions": []}],
        },
    },
}
FILL = """
CREATE TABLE things (id serial PRIMARY KEY, what text, v vector(3));
INSERT INTO things (what, v) SELECT md5(i::text) || E'\\t\\\\ line\\n', ARRAY[i, i / 2.0, 1]::vector(3)
    FROM generate_series(1, 20000) i;
CREATE TABLE "odd name; --" (x bytea);
INSERT INTO "odd name; --" VALUES ('\\x00ff'), (NULL);
CREATE SEQUENCE numbers START 1000;
SELECT nextval('numbers');
SELECT lo_from_bytea(0, 'a large object');
CREATE TABLE load (n int);
"""
BOOKS = """
CREATE TABLE books (title text PRIMARY KEY);
INSERT INTO books SELECT 'book ' || i FROM generate_series(1, 3000) i;
"""


@pytest.fixture(scope="module")
def stack(bench: Callable[..., Workbench], containers: str) -> Workbench:
    """The stack, up, on the older major, with data of every kind and one backup."""
    CONFIG["images"] = {"postgres": majors.tests_own()}
    made = bench(STACK, CONFIG)
    CONFIG["data"] = str(made.root)
    made.up()
    with _connection(made, "app") as connection:
        connection.execute(FILL)
    with _connection(made, "books") as connection:
        connection.execute(BOOKS)
    _as_owner(f"CREATE ROLE reader LOGIN PASSWORD '{READER}'; GRANT CONNECT ON DATABASE books TO reader")
    ops(made, "backup")
    return made


@pytest.fixture(scope="module")
def before(stack: Workbench) -> dict[str, Any]:
    """What it holds."""
    return _contents(stack)


def _with(version: int, image: str) -> dict[str, Any]:
    changed = copy.deepcopy(CONFIG)
    changed["services"]["postgres"]["version"] = version
    return changed | {"images": {"postgres": image}}


def _newer() -> dict[str, Any]:
    return _with(majors.NEWER, majors.newer())


def _container() -> Container:
    return docker.from_env().containers.get(f"{STACK}-postgres")


def _as_owner(statement: str) -> str:
    argv = ["psql", "-X", "-qAt", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", "app", "-c", statement]
    done = _container().exec_run(argv)
    assert done.exit_code == 0, done.output
    return done.output.decode()


def _connection(stack: Workbench, role: str) -> psycopg.Connection:
    networks = _container().attrs["NetworkSettings"]["Networks"]
    host = next(iter(networks.values()))["IPAddress"]
    password = READER if role == "reader" else stack.secret(f"postgres-{role}")
    return psycopg.connect(
        host=host, user=role, dbname=ROLES[role], password=password, connect_timeout=2, autocommit=True
    )


def _contents(stack: Workbench) -> dict[str, Any]:
    """A hash of every table, each sequence, every large object, and who may log in: each of them does."""
    # But for those of PostgreSQL itself, of which each major has others.
    query = "SELECT rolname, rolcanlogin FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY 1"
    found: dict[str, Any] = {"roles": _as_owner(query)}
    for role, tables in {"app": ("things", '"odd name; --"'), "books": ("books",)}.items():
        with _connection(stack, role) as connection:
            for table in tables:
                rows = connection.execute(f"SELECT t::text FROM {table} t ORDER BY 1").fetchall()
                found[table] = len(rows), hashlib.sha256(repr(rows).encode()).hexdigest()
            query = "SELECT sequencename, last_value FROM pg_sequences ORDER BY 1"
            found[f"{role}'s sequences"] = connection.execute(query).fetchall()
            query = "SELECT lo_get(oid) FROM pg_largeobject_metadata"
            found[f"{role}'s objects"] = connection.execute(query).fetchall()
    with _connection(stack, "reader") as connection:
        found["reader"] = connection.execute("SELECT current_user").fetchone()
    return found


def _major(stack: Workbench) -> int:
    with _connection(stack, "app") as connection:
        return connection.info.server_version // 10000


def _directories() -> set[str]:
    said = _container().exec_run(["ls", PLACES.data]).output.decode()
    return {name.partition("-")[0] for name in said.split()}


def _upgraded(stack: Workbench) -> None:
    """Upgrade while somebody writes; nothing that was acknowledged is lost."""
    with _connection(stack, "app") as connection:
        connection.execute("TRUNCATE load")

    def write(number: int) -> None:
        with _connection(stack, "app") as connection:
            connection.execute("INSERT INTO load VALUES (%s)", (number,))

    now = _major(stack)
    with writers.writing(write) as (written,):
        done = ops(stack, "upgrade")
    assert "every service answers" in done.text
    print(f"\nPostgreSQL {now} to {_major(stack)} did not answer for {written.downtime:.1f} s")
    with _connection(stack, "app") as connection:
        (rows,) = connection.execute("SELECT count(DISTINCT n) FROM load").fetchone() or (0,)
    # The answer to the last write may have been lost, not the write.
    assert 0 <= rows - written.acknowledged <= 1
    assert written.acknowledged > 50


def _untouched(stack: Workbench, container: str, before: dict[str, Any]) -> None:
    assert (_container().id, _container().status) == (container, "running")
    assert _contents(stack) == before


def test_without_an_upgrade_nothing_goes_to_another_major(stack: Workbench, before: dict[str, Any]) -> None:
    container = _container().id
    stack.configure(_newer())
    refused = stack.up(check=False)
    said = next(line for line in refused.text.splitlines() if "hearth upgrade" in line)
    assert f"its data is of postgres {POSTGRES}, which programs of 18 cannot read" in said
    assert "`./hearth upgrade postgres`" in said and "nothing was changed" in refused.text
    _untouched(stack, container, before)
    # Only the image is another, and what is in it nobody has said.
    stack.configure(_with(POSTGRES, majors.newer()))
    refused = stack.up(check=False)
    assert refused.status != 0
    assert f"these programs are PostgreSQL 18, and version {POSTGRES} is asked for" in refused.text
    assert "./hearth upgrade" in refused.text
    _untouched(stack, container, before)
    stack.configure(CONFIG)
    stack.up()
    _untouched(stack, container, before)


def test_where_its_archive_would_end_nothing_is_changed(
    stack: Workbench, before: dict[str, Any], containers: str
) -> None:
    container, backups = _container().id, kept.listed(stack)
    stack.configure(_with(18, containers))
    refused = ops(stack, "upgrade", check=False)
    assert refused.status == 1
    assert "nothing was changed: point-in-time needs pgbackrest" in refused.text.splitlines()[-1]
    assert kept.listed(stack) == backups
    _untouched(stack, container, before)


def test_a_version_that_does_not_start_leaves_everything_as_it_was(
    stack: Workbench, before: dict[str, Any]
) -> None:
    # It does where the data is tried out, and not where it was moved to.
    stack.configure(_with(majors.NEWER, majors.broken(f'[ -e "$2/../{POSTGRES}" ]')))
    failed = ops(stack, "upgrade", check=False)
    assert failed.status == 1, failed.text
    assert "the upgrade of postgres failed" in failed.text.splitlines()[-1]
    assert failed.text.splitlines()[-1].endswith("everything is as it was, and answers")
    assert _major(stack) == POSTGRES
    assert _contents(stack) == before
    kept.no_mess(stack)


def test_another_major_has_every_row_and_its_archive_goes_on(
    stack: Workbench, before: dict[str, Any]
) -> None:
    old = datetime.now(UTC).isoformat()
    stack.configure(_newer())
    _upgraded(stack)
    assert _major(stack) == 18
    assert _contents(stack) == before
    # What was there until now is kept beside it.
    assert {"18", f"{POSTGRES}.kept"} <= _directories()
    assert str(POSTGRES) not in _directories()
    lock = json.loads((stack.directory / f"hearth.{STACK}.lock.json").read_text())
    assert lock["images"]["postgres"]["wanted"] == majors.newer()
    assert "is what" in ops(stack, "lock", "--check").text
    stack.assert_nothing_to_do()
    time.sleep(1)
    at = datetime.now(UTC).isoformat()
    time.sleep(1)
    with _connection(stack, "app") as connection:
        connection.execute("DELETE FROM things")
    ops(stack, "restore", "postgres", "--at", at, "--yes")
    assert _contents(stack) == before
    container = _container().id
    refused = ops(stack, "restore", "postgres", "--at", old, "--yes", check=False)
    assert refused.status == 1 and "its archive begins at" in refused.text
    _untouched(stack, container, before)
    kept.no_mess(stack)
