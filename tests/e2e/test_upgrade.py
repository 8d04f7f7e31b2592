"""Locks, upgrades and the way back, under supervisord, with real PostgreSQL and Redis."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import broken_wheel, kept, writers
from tests.e2e.kept import Contents, ops
from tests.e2e.processes import processes
from tests.e2e.workbench import Workbench

CONFIG = kept.config(61200)
# Debian 12 has this major and no pgvector for it.
CONFIG["services"]["postgres"] |= {"version": 15, "databases": [{"name": "app", "extensions": []}]}


@pytest.fixture(scope="module")
def stack(bench: Callable[..., Workbench]) -> Workbench:
    """The stack, up, on PostgreSQL 15, with data of every kind in it."""
    made = bench("moved", CONFIG)
    CONFIG["data"] = str(made.root)
    made.up()
    kept.quick(made)
    kept.fill(made, vector="numeric[]")
    return made


@pytest.fixture(scope="module")
def before(stack: Workbench) -> Contents:
    """What it holds."""
    return kept.contents(stack)


def _with(service: str, **settings: Any) -> dict[str, Any]:
    changed = copy.deepcopy(CONFIG)
    changed["services"][service].update(settings)
    return changed


def _data(stack: Workbench, *arguments: str, status: int = 0) -> Any:
    done = ops(stack, *arguments, "--json", check=False)
    assert done.status == status, done.text
    return json.loads(done.text[done.text.index("{\n") :])


def _pids(stack: Workbench) -> dict[str, list[int]]:
    return {name: sorted(one.pid for one in processes(stack, name)) for name in ("redis", "alertmanager")}


def test_a_lock_says_what_runs_and_restarts_nothing(stack: Workbench, before: Contents) -> None:
    missing = ops(stack, "lock", "--check", check=False)
    assert missing.status == 1 and "write it with ./hearth lock" in missing.text
    found = _data(stack, "lock")["lock"]["packages"]
    assert found["postgres"]["source"] == "apt" and found["postgres"]["versions"]["postgresql-15"].startswith(
        "15."
    )
    assert found["postgres"]["digests"]["postgresql-15"].startswith("sha256:")
    assert found["redis"]["versions"]["redis-server"].startswith("5:7.")
    pids = _pids(stack)
    stack.up()
    assert _pids(stack) == pids
    stack.assert_nothing_to_do()
    assert "is what" in ops(stack, "lock", "--check").text


def test_another_lock_than_what_runs_is_found_and_refused(stack: Workbench, before: Contents) -> None:
    path = stack.directory / "hearth.moved.lock.json"
    good = path.read_text()
    try:
        path.write_text(good.replace('"5:7.', '"5:6.'))
        found = _data(stack, "lock", "--check", status=1)["differences"]
        assert [row["service"] for row in found] == ["redis"]
        failed = stack.up(check=False)
        assert failed.status != 0 and "is locked" in failed.text and "hearth upgrade" in failed.text
        path.write_text("{")
        assert f"{path.name}: is no JSON" in stack.up(check=False).text
    finally:
        path.write_text(good)
    stack.up()
    assert kept.contents(stack) == before


def _deployments(stack: Workbench) -> list[dict[str, Any]]:
    return _data(stack, "rollback")["deployments"]


def test_the_first_deployment_comes_back_and_data_stays(stack: Workbench, before: Contents) -> None:
    path, lock = stack.directory / "Pulumi.moved.yaml", stack.directory / "hearth.moved.lock.json"
    first = json.loads((stack.root / "deployments" / "1.json").read_text())
    stack.configure(_with("redis", memory="160MiB"))
    stack.up()
    changed = [row["changed"] for row in _deployments(stack)]
    assert changed == ["the first", "locked", "redis: memory"]
    assert "160MiB" in path.read_text() and lock.exists()
    shown = ops(stack, "rollback", "1", "--dry-run").text
    assert "would go back to deployment 1" in shown and "redis" in shown
    assert "160MiB" in path.read_text() and lock.exists()
    text = ops(stack, "rollback", "1").text
    assert "went back to deployment 1: redis: memory; not locked any more; data stays as it is" in text
    assert "160MiB" not in path.read_text() and not lock.exists()
    assert first["file"] in path.read_text()
    stack.assert_nothing_to_do()
    assert len(_deployments(stack)) == 4
    assert kept.contents(stack) == before
    assert "no deployment of this stack" in ops(stack, "rollback", "99", check=False).text
    assert ops(stack, "rollback", "99", check=False).status == 2


def _major(stack: Workbench) -> str:
    with kept.database(stack) as connection:
        return str(connection.info.server_version // 10000)


def test_a_failing_upgrade_under_load_loses_nothing(
    stack: Workbench, before: Contents, tmp_path: Path
) -> None:
    stack.environment["PIP_FIND_LINKS"] = str(tmp_path)
    ops(stack, "lock")
    stack.up()
    good = (stack.directory / "hearth.moved.lock.json").read_text()
    with broken_wheel.asked_for(stack, broken_wheel.redis(tmp_path)):
        # Without an upgrade nothing moves: the lock holds.
        assert "hearth upgrade redis" in stack.up(check=False).text
        found = _data(stack, "upgrade", "--dry-run")
        assert [(row["service"], row["then"]) for row in found["changes"]] == [
            ("redis", "hearth_broken_redis 9.9.1")
        ]
        with writers.writing(*kept.counters(stack)) as written:
            failed = ops(stack, "upgrade", check=False)
        assert failed.status == 1, failed.text
        assert "the upgrade of redis failed" in failed.text.splitlines()[-1]
        # On the data as it was when it stopped, not on an older backup.
        assert failed.text.splitlines()[-1].endswith("everything is as it was, and answers")
        assert (stack.directory / "hearth.moved.lock.json").read_text() == good
        there = kept.counted(stack)
        print(
            f"\nfailing upgrade: Redis did not answer for {written[0].downtime:.1f} s, "
            f"PostgreSQL for {written[1].downtime:.1f} s; written {there}"
        )
        # The answer to the last write may have been lost, not the write.
        assert all(0 <= row - one.acknowledged <= 1 for row, one in zip(there, written, strict=True))
        assert min(one.acknowledged for one in written) > 50
    assert kept.cache(stack).info()["redis_version"].startswith("7.")
    assert kept.contents(stack) == before
    kept.no_mess(stack)
    pids = _pids(stack)
    stack.up()
    assert _pids(stack) == pids
    stack.assert_nothing_to_do()


def test_data_that_a_newer_version_has_damaged_is_restored(
    stack: Workbench, before: Contents, tmp_path: Path
) -> None:
    stack.environment["PIP_FIND_LINKS"] = str(tmp_path)
    damage = 'for file in "$dir"/appendonlydir/*; do echo damaged > "$file"; done'
    with broken_wheel.asked_for(stack, broken_wheel.redis(tmp_path, before=damage)):
        failed = ops(stack, "upgrade", "redis", check=False)
    assert failed.status == 1, failed.text
    assert "restored from the backup of before: redis" in failed.text.splitlines()[-1]
    assert kept.contents(stack) == before
    kept.no_mess(stack)
    stack.up()
    stack.assert_nothing_to_do()


@pytest.mark.long
@pytest.mark.parametrize(
    ("mark", "seconds"), [("postgres/globals.sql: loading", 0.2), ("postgres: moved", 3.0)]
)
def test_a_killed_upgrade_is_undone_by_the_next_command(
    stack: Workbench, before: Contents, mark: str, seconds: float
) -> None:
    stack.configure(_with("postgres", version=18))
    kept.killed(stack, mark, seconds, "upgrade")
    said = ops(stack, "rollback").text
    assert "the upgrade of postgres was undone" in said
    assert _major(stack) == "15" and kept.contents(stack) == before
    kept.no_mess(stack)
    assert "is what" in ops(stack, "lock", "--check").text
    # The file still asks for it, and only an upgrade goes there.
    assert "hearth upgrade postgres" in stack.up(check=False).text


def test_another_major_version_has_every_row(stack: Workbench, before: Contents) -> None:
    stack.configure(_with("postgres", version=18))
    (row,) = _data(stack, "upgrade", "--dry-run")["changes"]
    assert (row["service"], row["from"], row["to"]) == ("postgres", "15", "18")
    with writers.writing(*kept.counters(stack)) as written:
        done = ops(stack, "upgrade")
    assert "every service answers" in done.text
    there = kept.counted(stack)
    print(
        f"\nmajor version: PostgreSQL did not answer for {written[1].downtime:.1f} s, "
        f"Redis for {written[0].downtime:.1f} s; written {there}"
    )
    assert all(0 <= row - one.acknowledged <= 1 for row, one in zip(there, written, strict=True))
    assert _major(stack) == "18"
    assert kept.contents(stack) == before
    data = {path.name.partition("-")[0] for path in (stack.root / "postgres" / "data").iterdir()}
    assert {"18", "15.kept"} <= data and "15" not in data and "held" not in data
    kept.no_mess(stack)
    stack.assert_nothing_to_do()
    found = json.loads((stack.directory / "hearth.moved.lock.json").read_text())["packages"]["postgres"]
    assert found["source"] == "pypi" and found["digests"]
    assert "is what" in ops(stack, "lock", "--check").text
    assert "nothing is newer" in ops(stack, "upgrade").text
    assert "complete" in ops(stack, "backup").text


def test_no_way_back_to_programs_that_cannot_read_the_data(stack: Workbench, before: Contents) -> None:
    refused = ops(stack, "rollback", "1", check=False)
    assert refused.status == 1 and "cannot read the data of 18" in refused.text
    stack.configure(_with("postgres", version=15))
    assert "hearth upgrade postgres" in stack.up(check=False).text
    stack.configure(_with("postgres", version=18))
    assert kept.contents(stack) == before


def test_without_backups_data_gets_no_other_programs_unless_said(
    stack: Workbench, before: Contents, tmp_path: Path
) -> None:
    plain = _with("postgres", version=18)
    del plain["backup"]
    stack.configure(plain)
    stack.up()
    stack.environment["PIP_FIND_LINKS"] = str(tmp_path)
    with broken_wheel.asked_for(stack, broken_wheel.redis(tmp_path)):
        refused = ops(stack, "upgrade", check=False)
        assert refused.status == 1 and "no hearth:backup" in refused.text and "--no-backup" in refused.text
        failed = ops(stack, "upgrade", "--no-backup", check=False)
        assert failed.status == 1 and "everything is as it was" in failed.text
    assert kept.contents(stack) == before
