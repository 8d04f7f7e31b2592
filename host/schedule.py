"""``schedule start|stop|keep``: a backup every day, whoever is logged in.

A systemd timer where systemd runs the services, or where they are containers and systemd is there. Elsewhere
a small process keeps the time, under the stack's launchd or supervisord; containers have a supervisord for
this alone. The command itself is a checkout's, and runs as whoever deployed the stack.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import plistlib
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from host import files, managers
from host.errors import HostError
from host.managers import daemon

PROJECT = Path(__file__).resolve().parent.parent
NAME = "backup"
LONGEST_PAUSE = 30
"""Seconds: a machine that slept, or whose clock was set, is noticed soon."""
# Where Pulumi keeps its state, and the daemon: what a run needs of the environment that deployed the stack.
_KEPT = (
    "DOCKER_HOST", "HEARTH_BACKEND", "HEARTH_VENV", "HOME", "PATH", "PULUMI_BACKEND_URL",
    "PULUMI_CONFIG_PASSPHRASE_FILE", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR",
)  # fmt: skip


def main(arguments: list[str]) -> str:
    """``start ROOT RUNTIME STACK AT``, ``stop ROOT RUNTIME STACK``, ``keep STACK AT``; AT is local HH:MM."""
    parser = argparse.ArgumentParser(prog="schedule")
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb, names in {
        "start": ("root", "runtime", "stack", "at"),
        "stop": ("root", "runtime", "stack"),
        "keep": ("stack", "at"),
    }.items():
        added = verbs.add_parser(verb)
        for name in names:
            added.add_argument(name, type=Path if name == "root" else str)
        added.add_argument("--scope", default="user", choices=("user", "system"))
    given = parser.parse_args(arguments)
    if given.verb == "keep":
        keep(given.at, command(given.stack))
        return ""
    if given.verb == "start":
        return start(given.root, given.runtime, given.scope, given.stack, given.at)
    return stop(given.root, given.runtime, given.scope, given.stack)


def command(stack: str) -> list[str]:
    """What runs, from the project's directory: what ``./hearth backup`` does."""
    python = str(PROJECT / ".venv/bin/python")
    return [python, "-m", "toolchain", "run", "--", python, "-m", "ops", "backup", "--stack", stack]


def start(root: Path, runtime: str, scope: str, stack: str, at: str) -> str:
    """Have it run at its time. Idempotent. Raises ``HostError`` when the manager cannot be reached."""
    files.directory(root / NAME, mode=0o755)
    if runtime == "docker":
        runtime, scope = _of_containers(root, stack)
    unit = _unit(root, runtime, scope, stack)
    manager = managers.make(runtime, root, NAME, scope, unit)
    manager.wake()
    unit.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    if runtime == "systemd":
        files.write(unit.with_suffix(".service"), service_text(stack).encode(), mode=0o644)
        files.write(unit, timer_text(stack, at).encode(), mode=0o644)
    elif runtime == "launchd":
        files.write(unit, plist(unit.stem, root, stack, at), mode=0o644)
    else:
        files.write(unit, program_text(root, stack, at).encode(), mode=0o600)
    manager.restart()
    return f"backups of {stack}: every day at {at}"


def stop(root: Path, runtime: str, scope: str, stack: str) -> str:
    """Take it away. Fine when there is none."""
    kept_by = [(runtime, scope)]
    if runtime == "docker":
        # Whichever it was then.
        kept_by = [
            place
            for place in (("systemd", _scope()), ("supervisord", "user"))
            if _unit(root, *place, stack).exists()
        ]
    for manager, whose in kept_by:
        unit = _unit(root, manager, whose, stack)
        if manager == "systemd":
            files.remove(unit.with_suffix(".service"))
        managers.make(manager, root, NAME, whose, unit).forget()
    if runtime == "docker":
        daemon.stop(root)
    return f"backups of {stack}: not by themselves any more"


def keep(
    at: str,
    argv: Sequence[str],
    *,
    now: Callable[[], datetime] = datetime.now,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Run a command every day at ``at``, for ever. One that is due while it runs is left out."""
    due = following(at, now())
    while True:
        sleep(min(LONGEST_PAUSE, max(0.0, (due - now()).total_seconds())))
        if now() >= due:
            subprocess.run(argv, cwd=PROJECT, stdin=subprocess.DEVNULL, check=False)
            due = following(at, now())


def following(at: str, after: datetime) -> datetime:
    """The first time after ``after`` at which the clock shows ``at``."""
    hour, minute = map(int, at.split(":"))
    today = after.replace(hour=hour, minute=minute, second=0, microsecond=0)
    return today if today > after else today + timedelta(days=1)


def _scope() -> str:
    return "system" if os.geteuid() == 0 else "user"


def _of_containers(root: Path, stack: str) -> tuple[str, str]:
    """Who keeps the time beside containers: systemd, which starts by itself, where it can be reached."""
    scope = _scope()
    with contextlib.suppress(HostError):
        managers.make("systemd", root, NAME, scope, _unit(root, "systemd", scope, stack)).status()
        return "systemd", scope
    return "supervisord", "user"


def _unit(root: Path, runtime: str, scope: str, stack: str) -> Path:
    unit = managers.default_unit(runtime, root, NAME, scope)
    if runtime == "systemd":
        return unit.with_name(f"hearth-{stack}-{NAME}.timer")
    return unit.with_name(f"dev.hearth.{stack}.{NAME}.plist") if runtime == "launchd" else unit


def _environment() -> dict[str, str]:
    return {key: os.environ[key] for key in _KEPT if key in os.environ}


def timer_text(stack: str, at: str) -> str:
    """The timer; a time at which the machine was off is made up for."""
    return (
        f"[Unit]\nDescription=Time of the backups of Hearth stack {stack}\n\n"
        f"[Timer]\nOnCalendar=*-*-* {at}:00\nPersistent=true\n\n[Install]\nWantedBy=timers.target\n"
    )


def service_text(stack: str) -> str:
    """What the timer starts."""

    def quoted(text: str) -> str:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%") + '"'

    words = " ".join(quoted(word).replace("$", "$$") for word in command(stack))
    variables = " ".join(quoted(f"{key}={value}") for key, value in _environment().items())
    directory = str(PROJECT).replace("%", "%%")
    return (
        f"[Unit]\nDescription=Backup of Hearth stack {stack}\n\n[Service]\nType=oneshot\n"
        f"WorkingDirectory={directory}\nEnvironment={variables}\nExecStart={words}\nNice=10\n"
    )


def _keeper(stack: str, at: str) -> list[str]:
    return [sys.executable, "-m", "host", "schedule", "keep", stack, at]


def plist(label: str, root: Path, stack: str, at: str) -> bytes:
    """The job of the process that keeps the time."""
    log = str(root / NAME / "backup.log")
    return plistlib.dumps(
        {
            "Label": label,
            "ProgramArguments": _keeper(stack, at),
            "WorkingDirectory": str(PROJECT),
            "EnvironmentVariables": _environment(),
            "RunAtLoad": True,
            "KeepAlive": True,
            "StandardOutPath": log,
            "StandardErrorPath": log,
        }
    )


def program_text(root: Path, stack: str, at: str) -> str:
    """The program section of the process that keeps the time."""
    words = " ".join(shlex.quote(word) for word in _keeper(stack, at))
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
        "stdout_logfile": str(root / NAME / "backup.log"),
        "stdout_logfile_maxbytes": "5MB",
        "stdout_logfile_backups": "1",
    }
    # supervisord expands %(name)s everywhere in its configuration.
    body = "".join(f"{key}={value.replace('%', '%%')}\n" for key, value in lines.items())
    return f"; written by Hearth; changes made here are replaced\n[program:{NAME}]\n{body}"
