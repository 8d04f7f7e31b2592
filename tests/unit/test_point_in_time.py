"""What archiving every change adds to a PostgreSQL, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from support.rendered import services
from support.stacks import plan, values

from components.errors import ConfigurationError
from components.runtimes.native import apply_document
from components.spec import ServiceSpec
from ops.backup import moment
from ops.errors import Usage

WANTED = {"version": 15, "point-in-time": {"keep": 4, "lose": "30s"}}


def postgres(runtime: str, settings: dict[str, Any]) -> ServiceSpec:
    return plan(values(runtime, {"postgres": settings}, backup={})).service("postgres")


def text(spec: ServiceSpec, name: str) -> str:
    (found,) = [file.content for file in spec.files if file.path.endswith(f"/{name}")]
    return found


@pytest.mark.parametrize("runtime", ["docker", "systemd-system", "supervisord", "launchd-user"])
def test_every_change_is_archived_encrypted_apart_from_the_data(runtime: str) -> None:
    spec = postgres(runtime, WANTED)
    assert "archive_mode = on\n" in text(spec, "postgresql.conf")
    assert "archive_timeout = 30s\n" in text(spec, "postgresql.conf")
    config = text(spec, "pgbackrest.conf")
    assert "repo1-cipher-type=aes-256-cbc\nrepo1-cipher-pass=@@archive@@\n" in config
    assert "repo1-retention-full=4\n" in config
    data, archive = spec.volumes
    assert f"repo1-path={archive.path}\n" in config
    assert not archive.path.startswith(f"{data.path}/")
    # The key is made where there is no archive yet, and stays as long as there is one.
    (key,) = [ref for ref in spec.secrets if ref.name == "postgres-archive"]
    assert (key.guards, key.volume) == ("postgres", "archive")
    assert [task.name for task in spec.tasks] == ["archive", "roles and databases"]


@pytest.mark.parametrize("runtime", ["docker", "supervisord"])
def test_without_it_nothing_of_it_is_there(runtime: str) -> None:
    spec = postgres(runtime, {})
    assert "archive" not in text(spec, "postgresql.conf")
    assert [volume.name for volume in spec.volumes] == ["data"]
    assert spec.backup is not None
    assert spec.backup.archive is None
    assert not any("PGBACKREST" in name for name in spec.process.env)


def test_the_archive_is_the_account_s_own_directory() -> None:
    runtime, found = services(values("supervisord", {"postgres": WANTED}, backup={}))
    made = apply_document(found[0], runtime.units)["directories"]
    assert {"path": f"{found[0].directory}/archive", "mode": "0700"} in made


def test_an_archive_without_backups_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"postgres\.point-in-time: needs hearth:backup"):
        plan(values("supervisord", {"postgres": WANTED}))


def test_a_failing_archive_is_an_alert_of_its_service() -> None:
    stack = values("supervisord", {"store": {"type": "postgres", **WANTED}, "prometheus": {}}, backup={})
    rules = text(plan(stack).service("prometheus"), "rules.yml")
    assert "increase(pg_stat_archiver_failed_count{service='store'}[10m]) > 0" in rules


def test_a_moment_is_read_as_people_write_it() -> None:
    assert moment.parse("2020-02-03T04:05:06+01:00") == datetime(2020, 2, 3, 3, 5, 6, tzinfo=UTC)
    assert moment.parse("2020-02-03 04:05").astimezone() == datetime(2020, 2, 3, 4, 5).astimezone()
    for wrong in ("noon", "2020-13-01", "9999-01-01"):
        with pytest.raises(Usage, match="--at"):
            moment.parse(wrong)
