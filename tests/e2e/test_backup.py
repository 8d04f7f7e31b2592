"""Backups for real, under supervisord: everything comes back, row by row and key by key."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from ops import purge_guard
from tests.e2e import kept
from tests.e2e.kept import KEYS, ROWS, Contents, ops
from tests.e2e.workbench import Workbench

CONFIG = kept.config(65379)


@pytest.fixture(scope="module")
def stack(bench: Callable[..., Workbench]) -> Workbench:
    """The stack, up, with data of every kind in it."""
    made = bench("kept", CONFIG)
    made.up()
    kept.fill(made)
    return made


@pytest.fixture(scope="module")
def before(stack: Workbench) -> Contents:
    """What the first backup holds."""
    contents = kept.contents(stack)
    assert len(contents["things"]) == ROWS and len(contents["redis 0"]) == KEYS + 6
    assert "complete" in ops(stack, "backup").text
    return contents


def test_a_dry_run_changes_nothing(stack: Workbench) -> None:
    text = ops(stack, "backup", "--dry-run").text
    assert "databases/{item}.dump" in text and "dump.rdb" in text
    assert not kept.repository(stack).exists()


def test_a_backup_is_whole_private_and_listed(stack: Workbench, before: Contents) -> None:
    (one,) = kept.listed(stack)
    assert set(one["services"]) == {"redis", "postgres", "alertmanager"}
    assert all(one["services"].values())
    assert kept.repository(stack).stat().st_mode & 0o077 == 0
    secrets = [path.read_bytes() for path in (stack.root / "secrets").iterdir()]
    for path in kept.repository(stack).rglob("*"):
        assert path.is_dir() or not any(secret in path.read_bytes() for secret in secrets)
    metrics = (stack.root / "backup" / "metrics" / "backup.prom").read_text()
    assert 'hearth_backup_last_success_timestamp_seconds{service="redis"} 1' in metrics
    kept.no_mess(stack)
    # Backing up changed nothing that the state knows of.
    stack.assert_nothing_to_do()


def test_everything_comes_back(stack: Workbench, before: Contents) -> None:
    kept.spoil(stack)
    with contextlib.suppress(psycopg.Error):
        assert kept.contents(stack) != before
    assert "restored from backup" in ops(stack, "restore", "--all", "--yes").text
    assert kept.contents(stack) == before
    kept.no_mess(stack)
    stack.assert_nothing_to_do()
    ops(stack, "drift")
    # What was restored is what the next start finds.
    stack.run(".venv/bin/python", "-m", "host", "supervisor", "stop", str(stack.root), "--all")
    ops(stack, "drift", "--repair")
    assert kept.contents(stack) == before


def _scratch(stack: Workbench) -> list[str]:
    """What a drill has left."""
    directory = stack.root / "backup" / "drill"
    return [str(path) for path in directory.glob("*")] + purge_guard.processes(directory)


def test_a_drill_restores_beside_what_runs_and_leaves_nothing(stack: Workbench, before: Contents) -> None:
    # The one that is killed leaves everything, and the next one removes that first.
    kept.killed(stack, "redis: starting", 0.1, "drill")
    assert len(_scratch(stack)) > 3
    text = ops(stack, "drill", "--json").text
    proofs = json.loads(text[text.index("{\n") :])["services"]
    assert {proof["service"] for proof in proofs} == {"redis", "postgres", "alertmanager"}
    facts = {proof["service"]: proof["facts"] for proof in proofs}
    assert facts["redis"] == 3 and facts["postgres"] > 20
    assert kept.contents(stack) == before
    assert _scratch(stack) == [] and not list(stack.directory.glob("Pulumi.*-drill.yaml"))
    kept.no_mess(stack)
    metrics = (stack.root / "backup" / "metrics" / "backup.prom").read_text()
    assert 'hearth_drill_last_success_timestamp_seconds{service="postgres"} 1' in metrics


@pytest.mark.long
def test_where_memory_is_short_it_restores_in_rounds(
    stack: Workbench, before: Contents, tmp_path: Path
) -> None:
    # A machine that has 300 MiB free: not enough for PostgreSQL and any other.
    figures = tmp_path / "meminfo"
    figures.write_text(
        re.sub("(?m)^MemAvailable:.*", "MemAvailable: 307200 kB", Path("/proc/meminfo").read_text())
    )
    short = f'mount --bind {figures} /proc/meminfo && exec "$@"'
    drill = (".venv/bin/python", "-m", "ops", "drill", "--stack", stack.stack)
    done = stack.run("unshare", "--mount", "sh", "-c", short, "sh", *drill)
    assert "in 3 rounds: there is not the memory" in done.text and "everything came back" in done.text
    assert _scratch(stack) == [] and kept.contents(stack) == before
    figures.write_text(figures.read_text().replace("307200", "102400"))
    refused = stack.run("unshare", "--mount", "sh", "-c", short, "sh", *drill, check=False)
    assert refused.status == 1
    assert "postgres: a drill may take 256MiB for it beside what runs, and 100MiB of memory" in refused.text
    assert _scratch(stack) == []


def test_after_a_purge_one_service_after_the_other(stack: Workbench, before: Contents) -> None:
    old = stack.secret("postgres-app")
    stack.destroy()
    ops(stack, "purge", "--all", "--yes")
    assert not (stack.root / "postgres").exists()
    stack.up()
    assert stack.secret("postgres-app") != old
    ops(stack, "restore", "redis", "--yes")
    assert kept.cache(stack).dbsize() == KEYS + 6
    with kept.database(stack) as connection:
        assert connection.execute("SELECT to_regclass('things')").fetchone() == (None,)
    ops(stack, "restore", "postgres", "alertmanager", "--yes")
    assert kept.contents(stack) == before
    stack.assert_nothing_to_do()


def test_the_stacks_own_files_are_handed_out(stack: Workbench, before: Contents, tmp_path: Path) -> None:
    own = tmp_path / "own"
    ops(stack, "restore", "--own-files", str(own))
    assert json.loads((own / "state.json").read_text())["deployment"]["resources"]
    assert (own / f"Pulumi.{stack.stack}.yaml").exists() and len(list((own / "secrets").iterdir())) == 2
    assert own.stat().st_mode & 0o077 == 0
    assert ops(stack, "restore", "--own-files", str(own), check=False).status == 1
