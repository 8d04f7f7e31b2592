"""What counts as wrong, when somebody is told of it, and what is refused in ``hearth:health``."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.stacks import plan, values

from components.config import load_stack_config
from components.errors import ConfigurationError
from components.health_settings import HealthSettings
from host import forked, sqlite_check
from host.accounts import current
from host.errors import HostError
from ops import alerts, health, health_log, watching
from ops.errors import Failure
from ops.health import Data, Finding
from ops.measuring import Figures
from ops.status import Condition, Report

LIMITS = HealthSettings()
ONE = Finding("memory", "redis", "redis: takes 90 % of its memory limit")


def _report(**changes: Any) -> Report:
    one = Condition(
        service="redis", state="answers", memory=80, limit=100, restarts=None, version="", address="", path=None,
        url=None, backup=None, drill=None,
    )  # fmt: skip
    return Report(
        stack="x", runtime="docker", time=0.0, services=(replace(one, **changes),), refused=(), degraded=(), notes=()
    )  # fmt: skip


@pytest.mark.parametrize(
    ("figures", "keys"),
    [
        (Figures(80.0, 80.0, {"/": 90.0}), []),
        (Figures(80.1, 80.0, {"/": 90.0}), ["memory host"]),
        (Figures(80.0, 80.1, {"/": 90.0}), ["cpu host"]),
        (Figures(80.0, 80.0, {"/": 90.1, "/data": 99.0}), ["disk /", "disk /data"]),
    ],
)
def test_on_either_side_of_each_threshold(figures: Figures, keys: list[str]) -> None:
    assert [one.key for one in health.of_host(figures, LIMITS)] == keys


@pytest.mark.parametrize(
    ("changes", "keys"),
    [
        ({}, []),
        ({"memory": 81}, ["memory redis"]),
        ({"memory": None}, []),
        ({"memory": 81, "limit": 0}, []),
        ({"state": "stopped: killed", "memory": None}, ["answer redis"]),
    ],
)
def test_a_service_and_its_own_limit(changes: dict[str, Any], keys: list[str]) -> None:
    assert [one.key for one in health.of_services(_report(**changes), LIMITS)] == keys


def test_a_thing_is_certain_at_the_second_look_and_well_at_the_second() -> None:
    first = health_log.seen({}, [ONE], (), 1.0)
    assert not first[ONE.key].certain
    # Gone again before anybody was told: nothing happened.
    assert health_log.seen(first, [], (), 2.0) == {}
    second = health_log.seen(first, [ONE], (), 2.0)
    assert second[ONE.key].certain and second[ONE.key].since == 1.0
    told = {ONE.key: replace(second[ONE.key], told=("log",))}
    third = health_log.seen(told, [], (), 3.0)
    assert not third[ONE.key].over and not third[ONE.key].certain
    again = health_log.seen(third, [ONE], (), 4.0)
    # It flutters: nobody is told anything.
    assert again[ONE.key].over and again[ONE.key].told == ("log",) and not again[ONE.key].certain
    fourth = health_log.seen(third, [], (), 4.0)
    assert not fourth[ONE.key].over and fourth[ONE.key].certain


def test_what_could_not_be_judged_stays_as_it_was() -> None:
    known = {ONE.key: health_log.Known("memory", "redis", ONE.text, 1.0, looks=5, told=("log",))}
    assert health_log.seen(known, [], ("memory",), 2.0) == known


class _Ear:
    """Somebody who is told, and may be deaf."""

    def __init__(self, name: str, repeats: bool = False) -> None:
        self.name, self.repeats, self.deaf, self.heard = name, repeats, False, []

    def channel(self) -> alerts.Channel:
        def tell(one: health_log.Known) -> None:
            if self.deaf:
                raise Failure(f"{self.name} is deaf")
            self.heard.append("over" if one.over else "well")

        return alerts.Channel(self.name, tell, self.repeats)


def _look(home: Path, ears: list[_Ear], *findings: Finding) -> None:
    found = health.Look(Figures(1.0, 1.0, {}), findings)
    watching._tell("x", home, health_log.read(home), found, [ear.channel() for ear in ears])


def test_each_is_told_once_and_who_was_deaf_later(tmp_path: Path) -> None:
    good, deaf, often = _Ear("good"), _Ear("deaf"), _Ear("often", repeats=True)
    deaf.deaf, ears = True, [good, deaf, often]
    _look(tmp_path, ears, ONE)
    assert good.heard == []
    for _ in range(3):
        with pytest.raises(Failure, match="deaf is deaf"):
            _look(tmp_path, ears, ONE)
    assert good.heard == ["over"] and often.heard == ["over"] * 3
    deaf.deaf = False
    _look(tmp_path, ears, ONE)
    assert good.heard == deaf.heard == ["over"]
    assert health_log.read(tmp_path).wrong == [ONE.text]
    for _ in range(3):
        _look(tmp_path, ears)
    assert good.heard == deaf.heard == ["over", "well"] and often.heard[-2:] == ["over", "well"]
    assert health_log.read(tmp_path).known == {}
    events = [json.loads(line)["event"] for line in (tmp_path / "health.log").read_text().splitlines()]
    assert events.count("untold") == 3 and events.count("look") == 8


def test_a_damaged_record_is_begun_anew(tmp_path: Path) -> None:
    for text in ("", "{", "[]", '{"known": {"a": {}}, "data": {}}', '{"known": 1}'):
        (tmp_path / "health.json").write_text(text)
        assert health_log.read(tmp_path) == health_log.Record()
    record = health_log.Record(
        {"a b": health_log.Known("a", "b", "c", 1.0, told=("log",))}, {"r": Data(1.0, ("x",))}
    )
    health_log.write(tmp_path, record)
    assert health_log.read(tmp_path) == record


def test_an_alert_in_the_form_of_alertmanager() -> None:
    from datetime import timedelta

    known = health_log.Known("data", "redis", "redis: damaged", 0.0)
    sent = alerts._for_alertmanager("x", known, timedelta(minutes=5))
    assert sent["labels"] == {
        "alertname": "HearthData",
        "stack": "x",
        "severity": "critical",
        "service": "redis",
    }
    assert sent["startsAt"] == "1970-01-01T00:00:00Z" and sent["endsAt"] > sent["startsAt"]
    assert "startsAt" not in alerts._for_alertmanager("x", replace(known, over=False), timedelta(minutes=5))


class _Inside:
    """Data that is looked into, and counted."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.seen: dict[str, Any] | None = {"found": ["a.db"], "damaged": {}}

    def own(self, spec: Any) -> str | None:
        self.asked.append(spec.name)
        return "1 page\n failed"

    def files(self, spec: Any, known: Any) -> dict[str, Any] | None:
        self.asked.append(spec.name)
        return self.seen


def test_data_are_looked_into_when_it_is_time_and_damaged_ones_each_time() -> None:
    specs = {
        spec.name: spec
        for spec in plan(values("supervisord", {"redis": {}, "loki": {}, "nginx": {}})).services
    }
    inside, now = _Inside(), 1000.0
    data = health.looked_into(specs, {}, inside, 100, now=lambda: now)
    assert set(inside.asked) == {"redis", "loki"}
    assert data["redis"].problems == ("1 page failed",) and data["loki"].databases == ("a.db",)
    inside.asked.clear()
    now = 1050.0
    data = health.looked_into(specs, data, inside, 100, now=lambda: now)
    assert inside.asked == ["redis"]
    now = 1101.0
    inside.seen = None
    data = health.looked_into(specs, data, inside, 100, now=lambda: now)
    assert "no Python" in data["loki"].unchecked
    assert [one.key for one in health.of_data(data)] == ["data redis"]
    # A container without room is left alone, and what was known of it stays.
    inside.asked.clear()
    known = {"loki": Data(0.0, ("damaged",), ("a.db",))}
    data = health.looked_into(specs, known, inside, 100, tight={"loki", "redis"}, now=lambda: now)
    assert inside.asked == ["redis"] and "too little" in data["loki"].unchecked
    assert data["loki"].problems == ("damaged",) and data["loki"].databases == ("a.db",)


def test_sqlite_files_are_told_from_others_and_damage_is_found(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "notes 100%?.db"
    path.parent.mkdir()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE t (i INTEGER PRIMARY KEY, x UNIQUE)")
        connection.executemany("INSERT INTO t VALUES (?, ?)", ((i, str(i) * 50) for i in range(3000)))
    connection.close()
    (tmp_path / "other.db").write_bytes(b"bolt" * 100)
    (tmp_path / "empty.db").touch()
    (tmp_path / "link.db").symlink_to(path)
    assert sqlite_check.look(tmp_path) == {"found": [str(path)], "damaged": {}}
    # Somebody who writes to it is no damage.
    busy = sqlite3.connect(path, isolation_level=None)
    busy.execute("BEGIN EXCLUSIVE")
    assert sqlite_check.look(tmp_path)["damaged"] == {}
    busy.close()
    content = path.read_bytes()
    for start in range(4096, len(content), 4096 * 7):
        path.write_bytes(content[:start] + b"\xa5" * 4096 + content[start + 4096 :])
        assert list(sqlite_check.look(tmp_path)["damaged"]) == [str(path)], start
    path.write_bytes(content[: len(content) // 2])
    assert list(sqlite_check.look(tmp_path)["damaged"]) == [str(path)]
    path.write_bytes(b"x" * len(content))
    assert sqlite_check.look(tmp_path)["damaged"] == {}
    assert "no SQLite file any more" in sqlite_check.look(tmp_path, [str(path)])["damaged"][str(path)]


def test_work_of_another_account_ends_and_fails_in_order() -> None:
    assert forked.run(current(), lambda: "done", 5) == "done"
    with pytest.raises(HostError, match="ValueError: no"):
        forked.run(current(), _raise, 5)
    with pytest.raises(HostError, match="no end within 1 s"):
        forked.run(current(), _forever, 1)


def _raise() -> str:
    raise ValueError("no")


def _forever() -> str:
    while True:
        pass


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"memory": 0}, "hearth:health.memory: 0 is refused"),
        ({"disk": 101}, "hearth:health.disk: 101 is refused"),
        ({"interval": "0s"}, "hearth:health.interval"),
        ({"alert": {"webhook": "ftp://x"}}, "hearth:health.alert.webhook"),
        ({"alert": {"command": []}}, "hearth:health.alert.command"),
        ({"alert": "mail"}, "hearth:health.alert"),
        ({"speed": 1}, "unknown key"),
    ],
)
def test_what_is_written_wrongly_is_refused(settings: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        load_stack_config(values("docker", {}, health=settings))


def test_alerts_that_nobody_would_get_are_refused() -> None:
    wanted = {"health": {"alert": {"alertmanager": True}}}
    with pytest.raises(ConfigurationError, match=r"hearth:health\.alert\.alertmanager: nobody takes alerts"):
        plan(values("supervisord", {"redis": {}}, **wanted))
    with pytest.raises(ConfigurationError, match="published where it is in a container"):
        plan(values("docker", {"alertmanager": {}}, **wanted))
    published = plan(values("docker", {"alertmanager": {"publish": True}}, **wanted))
    assert published.alerts_to == "127.0.0.1:9093"
    assert plan(values("launchd-user", {"alertmanager": {}}, **wanted)).alerts_to == "127.0.0.1:9093"
