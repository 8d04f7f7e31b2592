"""``schedule``: the timer of systemd, the keeper under supervisord, and the keeper's own sense of time."""

from __future__ import annotations

import itertools
import json
import plistlib
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from host import schedule, scheduled
from host.managers import daemon
from host.scheduled import Job
from tests.host.machine import Machine


@pytest.mark.parametrize(
    ("now", "due"),
    [("01:59", "2026-03-01 02:00"), ("02:00", "2026-03-02 02:00"), ("23:59", "2026-03-02 02:00")],
)
def test_the_next_time_is_after_now(now: str, due: str) -> None:
    after = datetime.fromisoformat(f"2026-03-01 {now}")
    assert Job("backup", "mine", "02:00").following(after) == datetime.fromisoformat(due)


@pytest.mark.parametrize(
    ("now", "due"),
    [
        # A Saturday, and the Sunday after it.
        ("2026-02-28 23:00", "2026-03-01 04:00"),
        ("2026-03-01 03:59", "2026-03-01 04:00"),
        ("2026-03-01 04:00", "2026-03-08 04:00"),
    ],
)
def test_once_a_week_it_is_the_next_such_day(now: str, due: str) -> None:
    assert Job("drill", "mine", "Sun 04:00").following(datetime.fromisoformat(now)) == datetime.fromisoformat(
        due
    )


def test_systemd_reads_the_times_as_they_are_meant() -> None:
    for when, meant in (("02:00", "*-*-* 02:00:00"), ("Sun 04:00", "Sun *-*-* 04:00:00")):
        asked = ["systemd-analyze", "calendar", Job("backup", "mine", when).calendar]
        done = subprocess.run(asked, capture_output=True, text=True, check=True)
        assert f"Normalized form: {meant}" in done.stdout


class Enough(Exception):
    """Ends a keeper."""


def test_the_keeper_runs_once_a_day_whatever_the_clock_does(tmp_path: Path) -> None:
    clock = datetime.fromisoformat("2026-03-01 01:30")
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        nonlocal clock
        pauses.append(seconds)
        # Asleep over two nights: one run, at once, and the next at its time.
        clock += timedelta(days=2) if len(pauses) == 3 else timedelta(seconds=seconds)
        if clock > datetime.fromisoformat("2026-03-05 02:30"):
            raise Enough

    count = f"open({str(tmp_path / 'runs')!r}, 'a').write('x')"
    with pytest.raises(Enough):
        schedule.keep(
            Job("backup", "mine", "02:00"), [sys.executable, "-c", count], now=lambda: clock, sleep=sleep
        )
    assert max(pauses) <= schedule.LONGEST_PAUSE
    assert (tmp_path / "runs").read_text() == "xxxx"


def _ok(machine: Machine, *arguments: str) -> str:
    done = machine.verb("schedule", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("runtime", ["supervisord", "docker"])
def test_under_supervisord(machine: Machine, root: Path, runtime: str) -> None:
    where = (str(root), runtime, "mine")
    for at in ("02:00", "03:30"):
        assert at in _ok(machine, "start", *where, at)
    (process,) = daemon.connect(root).getAllProcessInfo()
    assert process["name"] == "backup" and process["statename"] in ("STARTING", "RUNNING")
    line = Path(f"/proc/{process['pid']}/cmdline").read_bytes().split(b"\0")
    assert line[-6:-1] == [b"keep", b"mine", b"03:30", b"--job", b"backup"]
    assert "not by itself" in _ok(machine, "stop", *where)
    assert not (root / "supervisor" / "programs" / "backup.conf").exists()
    assert (daemon.connect(root) is None) is (runtime == "docker")
    _ok(machine, "stop", *where)


def test_under_systemd(systemd: Machine, root: Path) -> None:
    where = (str(root), "systemd", "mine")
    (Path(systemd.env["HOME"]) / ".config").symlink_to(systemd.env["XDG_CONFIG_HOME"])
    _ok(systemd, "start", *where, "02:00", "--scope", "user")
    assert systemd.manager is not None
    show = ["systemctl", "--user", "show", "hearth-mine-backup.timer", "--property=ActiveState,UnitFileState"]
    shown = subprocess.run(show, env=systemd.env, capture_output=True, text=True, check=True).stdout
    assert "ActiveState=active" in shown and "UnitFileState=enabled" in shown
    timers = ["systemctl", "--user", "list-timers", "--output=json"]
    listed = json.loads(subprocess.run(timers, env=systemd.env, capture_output=True, check=True).stdout)
    (mine,) = [one for one in listed if one["unit"] == "hearth-mine-backup.timer"]
    due = datetime.fromtimestamp(mine["next"] / 1e6)
    assert (due.hour, due.minute) == (2, 0) and mine["activates"] == "hearth-mine-backup.service"
    units = list(systemd.manager.units.glob("hearth-mine-backup.*"))
    assert len(units) == 2
    # It exits 0 whatever it finds.
    verify = ["systemd-analyze", "--user", "verify", *map(str, units)]
    done = subprocess.run(verify, env=systemd.env, capture_output=True, text=True, check=True)
    assert "hearth-mine" not in done.stderr
    stamps = Path(systemd.env["HOME"]) / ".local" / "share" / "systemd" / "timers"
    assert list(stamps.glob("*hearth-mine-backup*"))
    _ok(systemd, "stop", *where, "--scope", "user")
    assert not list(systemd.manager.units.rglob("hearth-mine-backup*"))
    # A later one of the same name makes up for nothing.
    assert not list(stamps.glob("*hearth-mine-backup*"))
    _ok(systemd, "stop", *where, "--scope", "user")


def test_a_run_that_is_under_way_ends_with_the_schedule(systemd: Machine, root: Path) -> None:
    where = (str(root), "systemd", "mine")
    (Path(systemd.env["HOME"]) / ".config").symlink_to(systemd.env["XDG_CONFIG_HOME"])
    _ok(systemd, "start", *where, "02:00", "--scope", "user")
    assert systemd.manager is not None
    service = systemd.manager.units / "hearth-mine-backup.service"
    before, _, after = service.read_text().partition("ExecStart=")
    service.write_text(before + "ExecStart=sleep 60\n" + after.split("\n", 1)[1])
    systemctl = ["systemctl", "--user"]
    for words in (["daemon-reload"], ["start", "--no-block", service.name]):
        subprocess.run([*systemctl, *words], env=systemd.env, check=True)
    _ok(systemd, "stop", *where, "--scope", "user")
    listing = [*systemctl, "list-units", "--all", "--quiet", "--plain", "hearth-mine-*"]
    assert subprocess.run(listing, env=systemd.env, capture_output=True, text=True, check=True).stdout == ""
    assert not list(systemd.manager.units.rglob("hearth-mine-backup*"))


def test_containers_have_systemd_keep_the_time_where_it_is(
    systemd: Machine, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, value in systemd.env.items():
        monkeypatch.setenv(key, value)
    (Path(systemd.env["HOME"]) / ".config").symlink_to(systemd.env["XDG_CONFIG_HOME"])
    # The manager that there is is a user's.
    monkeypatch.setattr(schedule.os, "geteuid", lambda: 1)
    schedule.start(root, "docker", "user", Job("backup", "mine", "02:00"))
    assert systemd.manager is not None
    assert len(list(systemd.manager.units.glob("hearth-mine-backup.*"))) == 2
    assert not (root / "supervisor").exists()
    schedule.stop(root, "docker", "user", Job("backup", "mine"))
    assert not list(systemd.manager.units.rglob("hearth-mine-backup*"))


def test_the_job_of_launchd_keeps_the_time_and_holds_no_secret(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "sesame")
    monkeypatch.setenv("PULUMI_BACKEND_URL", "file:///state")
    text = scheduled.plist("dev.hearth.mine.backup", root, Job("backup", "mine", "02:00"))
    job = plistlib.loads(text)
    assert job["ProgramArguments"][-5:-2] == ["keep", "mine", "02:00"] and job["KeepAlive"]
    assert job["EnvironmentVariables"]["PULUMI_BACKEND_URL"] == "file:///state"
    for written in (
        text.decode(),
        scheduled.service_text(Job("backup", "mine", "02:00")),
        scheduled.program_text(root, Job("backup", "mine", "02:00")),
    ):
        assert "sesame" not in written and "file:///state" in written


def test_every_so_many_seconds(tmp_path: Path) -> None:
    job = Job("watch", "mine", "60s")
    clock = datetime.fromisoformat("2026-03-01 01:30")
    runs: list[datetime] = []

    def sleep(seconds: float) -> None:
        nonlocal clock
        done = (tmp_path / "runs").read_text() if (tmp_path / "runs").exists() else ""
        if len(done) > len(runs):
            runs.append(clock)
        clock += timedelta(seconds=seconds)
        if len(runs) == 3:
            raise Enough

    count = f"open({str(tmp_path / 'runs')!r}, 'a').write('x')"
    with pytest.raises(Enough):
        schedule.keep(job, [sys.executable, "-c", count], now=lambda: clock, sleep=sleep)
    assert [(later - earlier).seconds for earlier, later in itertools.pairwise(runs)] == [60, 60]


def test_launchd_keeps_an_interval_itself(root: Path) -> None:
    job = plistlib.loads(scheduled.plist("dev.hearth.mine.watch", root, Job("watch", "mine", "60s")))
    assert job["StartInterval"] == 60 and job["RunAtLoad"] and "KeepAlive" not in job
    assert job["ProgramArguments"][1:] == ["-m", "ops", "watch", "--stack", "mine"]


def test_a_look_every_second_under_systemd(systemd: Machine, root: Path) -> None:
    where = (str(root), "systemd", "mine")
    (Path(systemd.env["HOME"]) / ".config").symlink_to(systemd.env["XDG_CONFIG_HOME"])
    _ok(systemd, "start", *where, "1s", "--scope", "user", "--job", "watch")
    assert systemd.manager is not None
    units = list(systemd.manager.units.glob("hearth-mine-watch.*"))
    verify = ["systemd-analyze", "--user", "verify", *map(str, units)]
    done = subprocess.run(verify, env=systemd.env, capture_output=True, text=True, check=True)
    assert len(units) == 2 and "hearth-mine" not in done.stderr
    # There is no such stack, so each look fails, and the next one comes all the same.
    show = ["systemctl", "--user", "show", "hearth-mine-watch.service", "--property=InvocationID", "--value"]
    seen = set()
    deadline = time.monotonic() + 30
    while len(seen) < 3 and time.monotonic() < deadline:
        seen.add(subprocess.run(show, env=systemd.env, capture_output=True, text=True, check=True).stdout)
        time.sleep(0.2)
    assert len(seen - {"\n"}) >= 2
    _ok(systemd, "stop", *where, "--scope", "user", "--job", "watch")
    assert not list(systemd.manager.units.rglob("hearth-mine-watch*"))
