"""``schedule start|stop|keep``: a command of the checkout at its times, whoever is logged in.

A systemd timer where systemd runs the services, or where they are containers and systemd is there. Elsewhere
a small process keeps the time, under the stack's supervisord, or launchd does; containers have a supervisord
for this alone. The command itself runs as whoever deployed the stack.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from host import files, managers, scheduled
from host.errors import HostError
from host.managers import daemon
from host.scheduled import PROJECT, Job

LONGEST_PAUSE = 30
"""Seconds: a machine that slept, or whose clock was set, is noticed soon."""
_CONTAINERS = ("docker", "swarm")


def main(arguments: list[str]) -> str:
    """``start ROOT RUNTIME STACK WHEN``, ``stop ROOT RUNTIME STACK``, ``keep STACK WHEN``.

    WHEN is local HH:MM for once a day, ``Sun HH:MM`` for once a week, or ``60s`` for every so many seconds.
    """
    parser = argparse.ArgumentParser(prog="schedule")
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb, names in {
        "start": ("root", "runtime", "stack", "when"),
        "stop": ("root", "runtime", "stack"),
        "keep": ("stack", "when"),
    }.items():
        added = verbs.add_parser(verb)
        for name in names:
            added.add_argument(name, type=Path if name == "root" else str)
        added.add_argument("--scope", default="user", choices=("user", "system"))
        added.add_argument("--job", default="backup", choices=tuple(scheduled.WORDS))
    given = parser.parse_args(arguments)
    job = Job(given.job, given.stack, getattr(given, "when", ""))
    if given.verb == "keep":
        keep(job, job.command())
        return ""
    if given.verb == "start":
        return start(given.root, given.runtime, given.scope, job)
    return stop(given.root, given.runtime, given.scope, job)


def start(root: Path, runtime: str, scope: str, job: Job) -> str:
    """Have it run at its times. Idempotent. Raises ``HostError`` when the manager cannot be reached."""
    files.directory(root / job.name, mode=0o755)
    if runtime in _CONTAINERS:
        runtime, scope = _of_containers(root, job)
    unit = _unit(root, runtime, scope, job)
    manager = managers.make(runtime, root, job.name, scope, unit)
    manager.wake()
    unit.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    if runtime == "systemd":
        files.write(unit.with_suffix(".service"), scheduled.service_text(job).encode(), mode=0o644)
        files.write(unit, scheduled.timer_text(job).encode(), mode=0o644)
    elif runtime == "launchd":
        files.write(unit, scheduled.plist(unit.stem, root, job), mode=0o644)
    else:
        files.write(unit, scheduled.program_text(root, job).encode(), mode=0o600)
    manager.restart()
    return f"{job.name} of {job.stack}: {job.times}"


def stop(root: Path, runtime: str, scope: str, job: Job) -> str:
    """Take it away. Fine when there is none."""
    kept_by = [(runtime, scope)]
    if runtime in _CONTAINERS:
        # Whichever it was then.
        kept_by = [
            place
            for place in (("systemd", _scope()), ("supervisord", "user"))
            if any(unit.exists() for unit in _units(root, *place, job))
        ]
    for manager, whose in kept_by:
        for unit in _units(root, manager, whose, job):
            managers.make(manager, root, job.name, whose, unit).forget()
    if runtime in _CONTAINERS:
        daemon.stop(root)
    return f"{job.name} of {job.stack}: not by itself any more"


def keep(
    job: Job,
    argv: Sequence[str],
    *,
    now: Callable[[], datetime] = datetime.now,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Run a command at its times, for ever. One that is due while it runs is left out."""
    due = job.first(now())
    while True:
        sleep(min(LONGEST_PAUSE, max(0.0, (due - now()).total_seconds())))
        if now() >= due:
            subprocess.run(argv, cwd=PROJECT, stdin=subprocess.DEVNULL, check=False)
            due = job.following(now())


def _scope() -> str:
    return "system" if os.geteuid() == 0 else "user"


def _of_containers(root: Path, job: Job) -> tuple[str, str]:
    """Who keeps the time beside containers: systemd, which starts by itself, where it can be reached."""
    scope = _scope()
    with contextlib.suppress(HostError):
        managers.make("systemd", root, job.name, scope, _unit(root, "systemd", scope, job)).status()
        return "systemd", scope
    return "supervisord", "user"


def _unit(root: Path, runtime: str, scope: str, job: Job) -> Path:
    unit = managers.default_unit(runtime, root, job.name, scope)
    if runtime == "systemd":
        return unit.with_name(f"hearth-{job.stack}-{job.name}.timer")
    return unit.with_name(f"dev.hearth.{job.stack}.{job.name}.plist") if runtime == "launchd" else unit


def _units(root: Path, runtime: str, scope: str, job: Job) -> list[Path]:
    """All of it, in the order to stop it in: a timer would start its service again."""
    unit = _unit(root, runtime, scope, job)
    return [unit, unit.with_suffix(".service")] if runtime == "systemd" else [unit]
