"""A moment between two changes brought back for real, from an archive that PostgreSQL itself fills."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import kept
from tests.e2e.kept import ops
from tests.e2e.stack_files import Watched
from tests.e2e.story import eventually
from tests.e2e.workbench import Workbench

POSTGRES, PROMETHEUS = 61520, 61521
WATCHED = Watched(f"http://127.0.0.1:{PROMETHEUS}", "")
CONFIG: dict[str, Any] = {
    "runtime": "supervisord",
    "host": {"reserve": "512MiB"},
    "backup": {"schedule": None},
    "services": {
        "postgres": {
            "port": POSTGRES,
            # What this machine's pgBackRest knows.
            "version": 15,
            "memory": "256MiB",
            "max-connections": 20,
            "point-in-time": {"lose": "5s"},
            "databases": [{"name": "app", "extensions": []}],
        },
        "prometheus": {"port": PROMETHEUS, "memory": "256MiB", "interval": "1s"},
        "postgres-exporter": {"port": 61522},
    },
}


@pytest.fixture(scope="module")
def stack(bench: Callable[..., Workbench]) -> Workbench:
    """The stack, up, with one backup and so a whole copy in the archive."""
    made = bench("moments", CONFIG)
    made.up()
    kept.quick(made)
    write(made, "CREATE TABLE things (what text, at timestamptz DEFAULT clock_timestamp())")
    write(made, "INSERT INTO things (what) SELECT 'first ' || i FROM generate_series(1, 1000) i")
    ops(made, "backup")
    return made


def write(stack: Workbench, statement: str) -> None:
    with kept.database(stack) as connection:
        connection.execute(statement)


def add(stack: Workbench, what: str) -> None:
    write(stack, f"INSERT INTO things (what) VALUES ('{what}')")


def rows(stack: Workbench) -> list[tuple[Any, ...]]:
    """Everything that is there, with the microsecond of each."""
    with kept.database(stack) as connection:
        return connection.execute("SELECT what, at FROM things ORDER BY at, what").fetchall()


def moment() -> str:
    """Now, with a second without any change on either side."""
    time.sleep(1)
    now = datetime.now(UTC).isoformat()
    time.sleep(1)
    return now


def archive(stack: Workbench) -> Path:
    return stack.root / "postgres" / "archive"


def test_exactly_what_was_there_at_a_moment_comes_back(stack: Workbench) -> None:
    add(stack, "before")
    earlier, at = rows(stack), moment()
    add(stack, "after")
    write(stack, "DELETE FROM things WHERE what LIKE 'first %'")
    write(stack, "CREATE TABLE later (x int)")
    assert f"would stop, bring to {at[:4]}" in ops(stack, "restore", "--at", at, "--dry-run").text
    answer = ops(stack, "restore", "postgres", "--at", at, "--yes", "--json").text
    assert json.loads(answer[answer.index("{\n") :])["services"] == ["postgres"]
    assert rows(stack) == earlier
    assert len(earlier) == 1001
    with kept.database(stack) as connection:
        assert connection.execute("SELECT to_regclass('later')").fetchone() == (None,)
    kept.no_mess(stack)
    stack.assert_nothing_to_do()


@pytest.mark.parametrize(
    ("at", "reason"),
    [
        ("2020-01-01 00:00", "its archive begins at 20"),
        ("2999-01-01 00:00", "is not over yet"),
        ("yesterday", "is no moment; write it as 2026-11-30 12:00"),
    ],
)
def test_a_moment_that_cannot_be_had_is_refused_before_anything_stops(
    stack: Workbench, at: str, reason: str
) -> None:
    with kept.database(stack) as connection:
        said = ops(stack, "restore", "postgres", "--at", at, "--yes", check=False)
        assert said.status != 0
        assert reason in said.text
        # The connection has outlived it.
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_major_that_its_program_does_not_know_is_refused_before_anything_changes(stack: Workbench) -> None:
    values = {"data": str(stack.root), **CONFIG}
    there = rows(stack), kept.listed(stack)
    newer = CONFIG["services"]["postgres"] | {"version": 18}
    stack.configure({**values, "services": {**CONFIG["services"], "postgres": newer}})
    try:
        with kept.database(stack) as connection:
            assert "move it with `./hearth upgrade postgres`" in stack.up(check=False).text
            said = ops(stack, "upgrade", check=False)
            assert said.status == 1
            wanted = "does not know PostgreSQL 18, so point-in-time cannot archive it"
            assert wanted in said.text.splitlines()[-1]
            # The connection has outlived both.
            assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        stack.configure(values)
    assert (rows(stack), kept.listed(stack)) == there
    stack.assert_nothing_to_do()


def test_a_drill_reaches_a_moment_beside_what_runs(stack: Workbench) -> None:
    before = rows(stack)
    answer = ops(stack, "drill", "--json").text
    (reached,) = json.loads(answer[answer.index("{\n") :])["moments"]
    assert reached["service"] == "postgres"
    assert rows(stack) == before
    metrics = (stack.root / "backup" / "metrics" / "backup.prom").read_text()
    assert 'hearth_moment_last_success_timestamp_seconds{service="postgres"} 1' in metrics
    kept.no_mess(stack)


def test_an_archive_that_cannot_be_written_is_an_alert_and_no_moment_is_promised(stack: Workbench) -> None:
    before = rows(stack)
    failed = 'pg_stat_archiver_failed_count{service="postgres"}'
    assert eventually(lambda: WATCHED.series(failed))[0][1] == 0
    hidden = archive(stack).with_name("archive.hidden")
    archive(stack).rename(hidden)
    archive(stack).touch()
    try:
        add(stack, "not archived")
        alert = 'ALERTS{alertname="ArchiveFails",service="postgres"}'
        eventually(lambda: WATCHED.series(alert), seconds=60)
        said = ops(stack, "restore", "postgres", "--at", datetime.now(UTC).isoformat(), "--yes", check=False)
        assert said.status == 1
        assert "its archive cannot be completed, nothing was changed" in said.text
        assert ops(stack, "backup", check=False).status == 1
    finally:
        archive(stack).unlink()
        hidden.rename(archive(stack))
    assert len(rows(stack)) == len(before) + 1
    # It goes on by itself, and has lost nothing.
    earlier, at = rows(stack), moment()
    add(stack, "regretted")
    eventually(lambda: ops(stack, "restore", "postgres", "--at", at, "--yes").status == 0, seconds=120)
    assert rows(stack) == earlier


def test_after_a_restore_of_a_backup_the_new_cluster_is_archived(stack: Workbench) -> None:
    ops(stack, "restore", "postgres", "--yes")
    ops(stack, "backup")
    add(stack, "in the new cluster")
    earlier, at = rows(stack), moment()
    add(stack, "regretted")
    ops(stack, "restore", "postgres", "--at", at, "--yes")
    assert rows(stack) == earlier
