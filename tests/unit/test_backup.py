"""What a stack with backups asks of the machine, and what is said of one."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from support.stacks import RUNTIMES, plan, record, values

from components import backup
from components.config import load_stack_config
from components.errors import ConfigurationError
from ops.backup import capture, manifest, runs, scratch
from ops.backup import record as records
from ops.backup.manifest import Kept, Manifest, Part
from ops.backup.target import Target
from ops.errors import Failure

COMMAND = "command:local:Command"


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_program_and_the_password_are_there_before_the_first_backup(runtime: str) -> None:
    found = record(values(runtime, {"redis": {}}, backup={}))
    assert found.named("backup-package", COMMAND).document["programs"] == ["restic"]
    password = found.named("secret-backup.repository", COMMAND)
    assert f"/{backup.DIRECTORY} backup.repository" in password.inputs["create"]
    assert {"stdin", "stdout"} <= set(password.secret_outputs)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_time_is_kept_by_whoever_runs_the_services(runtime: str) -> None:
    found = record(values(runtime, {"redis": {}}, backup={"schedule": "03:30"})).named(
        "backup-schedule", COMMAND
    )
    name, _, scope = runtime.partition("-")
    words = f"/var/lib/hearth/test {name} test"
    assert f" host schedule start {words} 03:30 --scope {scope or 'user'}" in found.inputs["create"]
    assert f" host schedule stop {words} --scope {scope or 'user'}" in found.inputs["delete"]


def test_without_a_time_nothing_runs_by_itself() -> None:
    found = record(values("supervisord", {"redis": {}}, backup={"schedule": None}))
    assert [one.name for one in found if "schedule" in one.name] == []


@pytest.mark.parametrize(
    ("given", "jobs"),
    [
        ({}, {"backup": "02:00", "drill": "Sun 04:00"}),
        ({"schedule": None}, {}),
        ({"schedule": None, "drill": "Wed 12:00"}, {"drill": "Wed 12:00"}),
        ({"drill": None}, {"backup": "02:00"}),
    ],
)
def test_drills_are_made_every_week_where_backups_are_every_day(
    given: dict[str, Any], jobs: dict[str, str]
) -> None:
    found = record(values("supervisord", {"redis": {}}, backup=given))
    lines = {
        one.name.removesuffix("-schedule"): one.inputs["create"] for one in found if "-schedule" in one.name
    }
    assert lines.keys() == jobs.keys()
    for job, line in lines.items():
        assert f"{shlex.quote(jobs[job])} --scope user --job {job}" in line


def test_a_time_that_yaml_took_for_a_number_is_one() -> None:
    settings = load_stack_config(values("docker", {}, backup={"schedule": 750})).backup
    assert settings is not None and settings.schedule == "12:30"


def test_without_it_nothing_is_made() -> None:
    found = record(values("supervisord", {"redis": {}}))
    assert [one.name for one in found if "backup" in one.name] == []


def test_backups_lie_beside_the_data_of_all_stacks() -> None:
    settings = load_stack_config(values("docker", {}, backup={})).backup
    assert settings is not None
    assert backup.repository(settings, "/var/lib/hearth/dev", "dev") == "/var/lib/hearth/backups/dev"
    assert (settings.keep_daily, settings.keep_weekly) == (7, 4)


@pytest.mark.parametrize(
    "bad",
    [
        {"repository": "relative"},
        {"repository": "/a b"},
        {"keep-daily": 0},
        {"keep": 3},
        {"schedule": "24:00"},
        {"copy-to": "relative"},
        {"copy-to": "ftp:host/x"},
        {"copy-to": "rest:https://me:secret@host/x"},
        {"repository": "ftp:host/x"},
        {"repository": "rest:https://host/x", "copy-to": "rest:https://host/x"},
        {"copy-to": "/one", "repository": "/one"},
        {"copy-to": "/one", "copy-keep-daily": 0},
    ],
)
def test_what_cannot_be_meant_is_refused(bad: dict) -> None:
    with pytest.raises(ConfigurationError, match=r"hearth:backup[.:]"):
        load_stack_config(values("docker", {}, backup=bad))


@pytest.mark.parametrize(
    ("key", "file"), [("repository", "backup.credentials"), ("copy-to", "backup.copy-to")]
)
def test_a_password_in_a_url_is_refused_and_not_repeated(key: str, file: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"backup\.{key}") as refused:
        load_stack_config(values("docker", {}, backup={key: "rest:https://me:hunter2@host/x"}))
    said = str(refused.value)
    assert "hunter2" not in said and f"RESTIC_REST_PASSWORD=... to backup/secrets/{file}" in said


@pytest.mark.parametrize(
    "place", ["/mnt/usb/hearth", "sftp:me@nas:/hearth", "rest:https://host:8000/x", "s3:s3.example.org/b"]
)
def test_both_are_a_directory_or_a_url_of_restics(place: str) -> None:
    for key in ("repository", "copy-to"):
        settings = load_stack_config(values("docker", {}, backup={key: place})).backup
        assert settings is not None and place in (settings.repository, settings.copy_to)


def test_no_service_takes_the_directorys_name() -> None:
    with pytest.raises(ConfigurationError, match="refused as a name"):
        load_stack_config(values("docker", {"backup": {"type": "redis"}}))


@pytest.mark.parametrize(
    ("persistence", "place", "beside"),
    [("aof", "appendonlydir/appendonly.aof.1.base.rdb", 1), ("rdb", "dump.rdb", 0), ("none", "dump.rdb", 0)],
)
def test_redis_finds_its_snapshot_where_it_looks_for_data(persistence: str, place: str, beside: int) -> None:
    policy = plan(values("docker", {"redis": {"persistence": persistence}})).service("redis").backup
    assert policy is not None
    assert policy.captures[0].place == place and len(policy.beside) == beside


def test_an_item_may_hold_any_character() -> None:
    databases = plan(values("docker", {"postgres": {}})).service("postgres").backup
    assert databases is not None
    one = databases.captures[1]
    assert capture.file_name(one, "../a b;") == "databases/..%2Fa%20b%3B.dump"
    assert capture.words(one.save, "../a b;")[-1] == "../a b;"
    assert capture.words(("no", "item"), None) == ["no", "item"]


def _manifest() -> Manifest:
    kept = Kept("redis/dump.rdb", 3, "ab", "dump.rdb", None, ("database 0 keys 1",))
    return Manifest("mine", "docker", {"redis": Part("redis", (kept,), 0.5)}, (Kept("stack/x", 1, "cd"),))


def test_a_manifest_is_read_as_it_was_written() -> None:
    assert manifest.read(_manifest().text().encode()) == _manifest()
    assert set(_manifest().files) == {"redis/dump.rdb", "stack/x"}


@pytest.mark.parametrize("bad", [b"", b"[]", b"{}", b'{"format": 1}', b"\xff"])
def test_anything_else_is_no_manifest(bad: bytes) -> None:
    with pytest.raises(Failure):
        manifest.read(bad)


def test_a_manifest_of_another_version_is_refused() -> None:
    changed = json.dumps({**json.loads(_manifest().text()), "format": 2})
    with pytest.raises(Failure, match="format 2"):
        manifest.read(changed.encode())


def test_a_metric_says_which_run_failed() -> None:
    known = {"backup": {"time": 1, "reason": None}, "copy": {"time": 2, "reason": "no space"}}
    lines = runs.text(known).splitlines()
    assert 'hearth_backup_run_failed{run="backup"} 0' in lines
    assert 'hearth_backup_run_failed{run="copy"} 1' in lines


def test_metrics_name_each_service_once() -> None:
    known = {
        "redis": {"backup": {"time": 1700000000, "bytes": 12, "seconds": 0.5}},
        "postgres": {
            "backup": {"time": 1700000001, "bytes": 13, "seconds": 1.5},
            "drill": {"time": 1700000002, "seconds": 2.5},
        },
    }
    lines = records.text(known).splitlines()
    assert 'hearth_backup_last_success_timestamp_seconds{service="redis"} 1700000000' in lines
    assert 'hearth_backup_last_bytes{service="postgres"} 13' in lines
    assert 'hearth_drill_last_success_timestamp_seconds{service="postgres"} 1700000002' in lines
    assert sum(line.startswith("# TYPE") for line in lines) == 4
    assert records.text({}) == ""


def test_a_drill_is_neither_watched_nor_backed_up() -> None:
    services = {"redis": {}, "alertmanager": {}}
    whole = values("supervisord", services, backup={}, health={"alert": {"alertmanager": True}})
    settings = load_stack_config(whole).backup
    assert settings is not None
    target = Target("test", Path("/data"), plan(whole), settings, containers=False, values=whole)
    found = scratch.reduced(target, ["redis"], Path("/drill"))
    # It could not be planned: nobody in it takes alerts.
    assert plan(found).services
    assert not {"backup", "health"} & found.keys()
