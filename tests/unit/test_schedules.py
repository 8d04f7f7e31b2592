"""A cron text means the same times to every supervisor, and a run is kept and never doubled."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

import pytest
from cronsim import CronSim
from support.stacks import plan, values
from support.tools import call, tool

from components.context import Places
from components.schedules import RECORD, calendar_intervals, on_calendar, times, with_keeper
from components.spec import Schedule, ServiceSpec

CRONS = [
    "* * * * *", "0 2 * * *", "*/15 8-18 * * mon-fri", "30 4 1,15 * 1", "5 0 * 8 *", "0 0 */2 * 1",
    "0 22 * * 0", "0 22 * * 7", "59 23 31 12 *",
]  # fmt: skip
START = datetime(2026, 2, 27, 12, 30)


def due(cron: str, count: int = 6) -> list[datetime]:
    return list(islice(CronSim(cron, START), count))


@pytest.mark.parametrize("cron", CRONS)
def test_systemd_reads_the_same_times(cron: str) -> None:
    found = set()
    for event in on_calendar(cron):
        said = call(
            tool("systemd-analyze"), "calendar", "--iterations=6", f"--base-time={START}", event,
            env={**os.environ, "TZ": "UTC"},
        )  # fmt: skip
        assert said.returncode == 0, said.stderr
        stamps = re.findall(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", said.stdout)
        found |= {datetime.strptime(stamp, "%Y-%m-%d %H:%M:%S UTC") for stamp in stamps}
    assert sorted(found)[:6] == due(cron)


@pytest.mark.parametrize("cron", CRONS)
def test_launchd_is_told_the_same_times(cron: str) -> None:
    intervals = calendar_intervals(cron)

    def matches(moment: datetime) -> bool:
        here = {
            "Minute": moment.minute, "Hour": moment.hour, "Day": moment.day, "Month": moment.month,
            "Weekday": moment.isoweekday() % 7,
        }  # fmt: skip
        return any(interval.items() <= here.items() for interval in intervals)

    for moment in due(cron):
        assert matches(moment)
    minutes = [START + timedelta(minutes=n) for n in range(1, 3000)]
    assert [m for m in minutes if matches(m)] == [m for m in due(cron, 3000) if m <= minutes[-1]]


@pytest.mark.parametrize(
    ("cron", "why"),
    [
        ("@daily", "wrong number of fields"),
        ("0 0 * * * *", "wrong number of fields"),
        ("61 0 * * *", "bad minute"),
        ("0 0 31 2 *", "bad day-of-month"),
        ("0 0 L * *", "write days as numbers"),
        ("0 0 * * 5#2", "write days as numbers"),
    ],
)
def test_what_is_no_schedule_is_refused_with_the_way_to_write_it(cron: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        times(cron)


# The script that keeps the time --------------------------------------------------------------------


def script(directory: Path, cron: str) -> Path:
    """The script, as a service gets it."""
    plain = plan(values("supervisord", {"redis": {}})).service("redis")
    places = Places(**{name: str(directory / name) for name in ("config", "secrets", "data", "run")})
    spec: ServiceSpec = with_keeper(replace(plain, schedule=Schedule(cron=cron)), places)
    for place in ("config", "data"):
        (directory / place).mkdir()
    path = directory / "config" / "schedule.sh"
    (path,) = [Path(file.path) for file in spec.files if file.path == str(path)]
    path.write_text(spec.files[-1].content)
    return path


def record(directory: Path) -> dict[str, int]:
    return json.loads((directory / "data" / RECORD).read_text())


def until(directory: Path) -> dict[str, int]:
    deadline = time.monotonic() + 10
    while not (directory / "data" / RECORD).exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return record(directory)


def test_shellcheck_has_nothing_to_say(tmp_path: Path) -> None:
    found = call(tool("shellcheck"), script(tmp_path, "30 4 1,15 * 1"))
    assert found.returncode == 0, found.stdout


@pytest.mark.parametrize("cron", CRONS)
@pytest.mark.parametrize("offset", [0, 1, -1, 60, 1440])
def test_the_script_knows_when_it_is_time(cron: str, offset: int, tmp_path: Path) -> None:
    moment = due(cron, 1)[0] + timedelta(minutes=offset)
    path = script(tmp_path, cron)
    stubs = tmp_path / "bin"
    stubs.mkdir()
    # The pause is over at that moment; after the next one the script is stopped.
    (stubs / "sleep").write_text(
        f'#!/bin/sh\nif [ -e {tmp_path}/slept ]; then kill "$PPID"; exec /bin/sleep 5; fi\n: >{tmp_path}/slept\n'
    )
    fields = f"{moment:%M %H %d %m %w}"
    (stubs / "date").write_text(f'#!/bin/sh\ncase $1 in +%s) echo 0 ;; *) echo "{fields}" ;; esac\n')
    for stub in stubs.iterdir():
        stub.chmod(0o755)
    done = call(
        "/bin/sh", path, "keep", tmp_path / "data" / RECORD, "true", env={"PATH": f"{stubs}:/usr/bin:/bin"}
    )
    assert done.returncode == 0, done.stderr
    wanted = next(CronSim(cron, moment - timedelta(minutes=1))) == moment
    assert (tmp_path / "data" / RECORD).exists() is wanted


def test_one_run_ends_as_its_command_does_and_is_kept(tmp_path: Path) -> None:
    path = script(tmp_path, "0 2 * * *")
    done = call("/bin/sh", path, "once", tmp_path / "data" / RECORD, "sh", "-c", "exit 7")
    assert done.returncode == 7
    assert record(tmp_path)["exit"] == 7
    assert abs(record(tmp_path)["started"] - time.time()) < 10


def test_a_run_asked_for_starts_at_once_and_not_beside_another(tmp_path: Path) -> None:
    path, log = script(tmp_path, "0 2 29 2 *"), tmp_path / "log"
    command = f"echo start >>{log}; sleep 1; echo end >>{log}"
    keeper = subprocess.Popen(["/bin/sh", path, "keep", tmp_path / "data" / RECORD, "sh", "-c", command])
    try:
        time.sleep(0.3)
        for _ in range(3):
            keeper.send_signal(signal.SIGUSR1)
            time.sleep(0.2)
        assert until(tmp_path)["exit"] == 0
        time.sleep(0.5)
        assert log.read_text().split() == ["start", "end"]
    finally:
        keeper.terminate()
        assert keeper.wait(5) == 0


def test_a_stop_reaches_the_run_and_what_became_of_it_is_kept(tmp_path: Path) -> None:
    path = script(tmp_path, "0 2 29 2 *")
    keeper = subprocess.Popen(["/bin/sh", path, "keep", tmp_path / "data" / RECORD, "sleep", "60"])
    time.sleep(0.3)
    keeper.send_signal(signal.SIGUSR1)
    time.sleep(0.3)
    keeper.terminate()
    assert keeper.wait(5) == 0
    assert record(tmp_path)["exit"] == 128 + signal.SIGTERM
