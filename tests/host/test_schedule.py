"""``schedule``: the timer of systemd, the keeper under supervisord, and the keeper's own sense of time."""

from __future__ import annotations

import json
import plistlib
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from host import schedule
from host.managers import daemon
from tests.host.machine import Machine


@pytest.mark.parametrize(
    ("now", "due"),
    [("01:59", "2026-03-01 02:00"), ("02:00", "2026-03-02 02:00"), ("23:59", "2026-03-02 02:00")],
)
def test_the_next_time_is_after_now(now: str, due: str) -> None:
    after = datetime.fromisoformat(f"2026-03-01 {now}")
    assert schedule.following("02:00", after) == datetime.fromisoformat(due)


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
        schedule.keep("02:00", [sys.executable, "-c", count], now=lambda: clock, sleep=sleep)
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
    assert line[-4:-1] == [b"keep", b"mine", b"03:30"]
    assert "not by themselves" in _ok(machine, "stop", *where)
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
    _ok(systemd, "stop", *where, "--scope", "user")
    assert not list(systemd.manager.units.rglob("hearth-mine-backup*"))
    _ok(systemd, "stop", *where, "--scope", "user")


def test_containers_have_systemd_keep_the_time_where_it_is(
    systemd: Machine, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, value in systemd.env.items():
        monkeypatch.setenv(key, value)
    (Path(systemd.env["HOME"]) / ".config").symlink_to(systemd.env["XDG_CONFIG_HOME"])
    # The manager that there is is a user's.
    monkeypatch.setattr(schedule.os, "geteuid", lambda: 1)
    schedule.start(root, "docker", "user", "mine", "02:00")
    assert systemd.manager is not None
    assert len(list(systemd.manager.units.glob("hearth-mine-backup.*"))) == 2
    assert not (root / "supervisor").exists()
    schedule.stop(root, "docker", "user", "mine")
    assert not list(systemd.manager.units.rglob("hearth-mine-backup*"))


def test_the_job_of_launchd_keeps_the_time_and_holds_no_secret(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "sesame")
    monkeypatch.setenv("PULUMI_BACKEND_URL", "file:///state")
    text = schedule.plist("dev.hearth.mine.backup", root, "mine", "02:00")
    job = plistlib.loads(text)
    assert job["ProgramArguments"][-3:] == ["keep", "mine", "02:00"] and job["KeepAlive"]
    assert job["EnvironmentVariables"]["PULUMI_BACKEND_URL"] == "file:///state"
    for written in (
        text.decode(),
        schedule.service_text("mine"),
        schedule.program_text(root, "mine", "02:00"),
    ):
        assert "sesame" not in written and "file:///state" in written
