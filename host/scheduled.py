"""A command of the checkout that runs by itself: its times, and what each supervisor is told of it."""

from __future__ import annotations

import os
import plistlib
import shlex
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
PROJECT = Path(__file__).resolve().parent.parent
_PYTHON = str(PROJECT / ".venv/bin/python")
# What ./hearth does: it asks Pulumi, which the toolchain finds.
_HEARTH = (_PYTHON, "-m", "toolchain", "run", "--", _PYTHON, "-m", "ops")
WORDS = {
    # The next time is far, and whoever works on backups just now soon done.
    "backup": (*_HEARTH, "backup", "--wait"),
    "drill": (*_HEARTH, "drill", "--wait"),
    "watch": (_PYTHON, "-m", "ops", "watch"),
}
"""Each job's command, to which the stack is added."""
# Where Pulumi keeps its state, and the daemon: what a run needs of the environment that deployed the stack.
_KEPT = (
    "DOCKER_HOST", "HEARTH_BACKEND", "HEARTH_VENV", "HOME", "PATH", "PULUMI_BACKEND_URL",
    "PULUMI_CONFIG_PASSPHRASE_FILE", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR",
)  # fmt: skip


@dataclass(frozen=True)
class Job:
    """``when`` is ``HH:MM`` of the local clock, once a day; ``Sun HH:MM``, once a week; or ``60s``: so long
    after the last one began.
    """

    name: str
    stack: str
    when: str = ""

    @property
    def seconds(self) -> int | None:
        """Between two runs; none for once a day."""
        return int(self.when[:-1]) if self.when.endswith("s") else None

    @property
    def _weekday(self) -> str:
        """As systemd writes it; none for every day."""
        return self.when.rpartition(" ")[0]

    @property
    def times(self) -> str:
        """When it runs, in words."""
        if self.seconds:
            return f"every {self.seconds} s"
        return f"every {self._weekday or 'day'} at {self.when.rpartition(' ')[2]}"

    @property
    def calendar(self) -> str:
        """The same in the words of systemd.time(7), for what is no interval."""
        day, _, clock = self.when.rpartition(" ")
        return f"{day} *-*-* {clock}:00".strip()

    def command(self) -> list[str]:
        """What runs, from the project's directory."""
        return [*WORDS[self.name], "--stack", self.stack]

    def keeper(self) -> list[str]:
        """The process that keeps the time where nobody else does."""
        return [sys.executable, "-m", "host", "schedule", "keep", self.stack, self.when, "--job", self.name]

    def first(self, now: datetime) -> datetime:
        """When it is due for the first time."""
        return now if self.seconds else self.following(now)

    def following(self, after: datetime) -> datetime:
        """When it is due next after a run that ended at ``after``."""
        if self.seconds:
            return after + timedelta(seconds=self.seconds)
        hour, minute = map(int, self.when.rpartition(" ")[2].split(":"))
        due = after.replace(hour=hour, minute=minute, second=0, microsecond=0)
        while due <= after or (self._weekday and _DAYS[due.weekday()] != self._weekday):
            due += timedelta(days=1)
        return due


def _environment() -> dict[str, str]:
    return {key: os.environ[key] for key in _KEPT if key in os.environ}


def timer_text(job: Job) -> str:
    """The timer; a time of the day at which the machine was off is made up for."""
    times = (
        f"OnActiveSec=1s\nOnUnitInactiveSec={job.seconds}s\nAccuracySec=1s\n"
        if job.seconds
        else f"OnCalendar={job.calendar}\nPersistent=true\n"
    )
    return (
        f"[Unit]\nDescription=Times of {job.name} of Hearth stack {job.stack}\n\n"
        f"[Timer]\n{times}\n[Install]\nWantedBy=timers.target\n"
    )


def service_text(job: Job) -> str:
    """What the timer starts."""

    def quoted(text: str) -> str:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%") + '"'

    words = " ".join(quoted(word).replace("$", "$$") for word in job.command())
    variables = " ".join(quoted(f"{key}={value}") for key, value in _environment().items())
    directory = str(PROJECT).replace("%", "%%")
    return (
        f"[Unit]\nDescription={job.name.capitalize()} of Hearth stack {job.stack}\n\n"
        "[Service]\nType=oneshot\n"
        f"WorkingDirectory={directory}\nEnvironment={variables}\nExecStart={words}\nNice=10\n"
    )


def plist(label: str, root: Path, job: Job) -> bytes:
    """launchd keeps an interval itself; a time that it slept through it would never make up for."""
    log = str(root / job.name / f"{job.name}.log")
    kept: dict[str, Any] = (
        {"ProgramArguments": job.command(), "StartInterval": job.seconds, "ProcessType": "Background"}
        if job.seconds
        else {"ProgramArguments": job.keeper(), "KeepAlive": True}
    )
    return plistlib.dumps(
        {
            "Label": label,
            **kept,
            "RunAtLoad": True,
            "WorkingDirectory": str(PROJECT),
            "EnvironmentVariables": _environment(),
            "StandardOutPath": log,
            "StandardErrorPath": log,
        }
    )


def program_text(root: Path, job: Job) -> str:
    """The program section of the process that keeps the time."""
    words = " ".join(shlex.quote(word) for word in job.keeper())
    variables = ",".join(f'{key}="{value}"' for key, value in _environment().items() if '"' not in value)
    lines = {
        "command": words,
        "directory": str(PROJECT),
        "environment": variables,
        "autostart": "true",
        "autorestart": "true",
        "stopasgroup": "true",
        "killasgroup": "true",
        "stopwaitsecs": "60",
        "redirect_stderr": "true",
        "stdout_logfile": str(root / job.name / f"{job.name}.log"),
        "stdout_logfile_maxbytes": "5MB",
        "stdout_logfile_backups": "1",
    }
    # supervisord expands %(name)s everywhere in its configuration.
    body = "".join(f"{key}={value.replace('%', '%%')}\n" for key, value in lines.items())
    return f"; written by Hearth; changes made here are replaced\n[program:{job.name}]\n{body}"
