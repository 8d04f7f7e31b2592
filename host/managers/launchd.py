"""A service under launchd: in the domain of a logged-in user, or in the system's.

Subcommands, domains and their peculiarities: launchctl(1).
"""

from __future__ import annotations

import os
import plistlib
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from host import files
from host.errors import HostError
from host.managers import State, Status

CALL_SECONDS = 30
STOP_SECONDS = 180
"""Bound on a stop. launchd itself kills after the job's ``ExitTimeOut``."""
SETTLE_SECONDS = 30
"""How long launchd may refuse a label that it has just let go of; about five were seen."""
IO_ERROR = 5
"""What launchctl exits with for such a label, and for a property list that it does not take."""


@dataclass(frozen=True)
class Launchd:
    """``unit`` is the property list, named after its label. ``scope`` is ``user`` or ``system``."""

    unit: Path
    scope: str
    name: ClassVar[str] = "launchd"

    @property
    def domain(self) -> str:
        """Where the job runs."""
        return "system" if self.scope == "system" else f"gui/{os.geteuid()}"

    @property
    def target(self) -> str:
        """The job, as launchctl wants it named."""
        return f"{self.domain}/{self.unit.stem}"

    def wake(self) -> None:
        """Nothing to start; but a user's domain is there only while the user is logged in."""
        code, output = _call("print", self.domain)
        if code:
            raise HostError(self._unreachable(output))

    def status(self) -> Status:
        """Running when it has a process. A loaded job without one is started again by ``KeepAlive``, or
        at its time: then launchd keeps that, which is all there is to ask for.
        """
        shown = self.shown()
        if shown is None:
            return Status(State.STOPPED, f"launchd has no {self.unit.stem} in {self.domain}")
        running = shown.get("state") == "running" or self._scheduled()
        return Status(State.RUNNING if running else State.STARTING, attempt=int(shown.get("runs", 0)))

    def restart(self) -> None:
        """Let go of the job and load its property list again: launchd reads it only then."""
        self._unload()
        # A job that somebody disabled would be refused.
        self._must("enable", self.target)
        deadline = time.monotonic() + SETTLE_SECONDS
        while True:
            code, output = _call("bootstrap", self.domain, str(self.unit))
            if not code:
                break
            if code != IO_ERROR or time.monotonic() > deadline:
                raise HostError(f"launchctl bootstrap {self.domain} {self.unit}: {output}")
            time.sleep(0.5)
        if self._scheduled():
            return
        # RunAtLoad has started it already, or was put off ("pended nondemand spawn"); asked for, it starts
        # now. Refused where it is just being started, so what comes of it is for ``status`` to say.
        _call("kickstart", self.target)

    def run_now(self) -> None:
        """Start the job beside its times."""
        _call("kickstart", self.target)

    def kick(self) -> None:
        """End the process and start it again, with the property list that is loaded."""
        self._must("kickstart", "-k", self.target)

    def forget(self) -> None:
        """Stop the process, wait for its end, remove the property list."""
        self._unload()
        files.remove(self.unit)

    def log(self, lines: int) -> list[str]:
        """None: a job's output goes to its own file."""
        return []

    def shown(self) -> dict[str, str] | None:
        """What ``launchctl print`` says of the job itself; None when it is not loaded."""
        code, output = _call("print", self.target)
        if code:
            if "Could not find service" in output:
                return None
            raise HostError(self._unreachable(output))
        # One tab deep: deeper blocks, of sockets or coalitions, have a state of their own.
        return dict(re.findall(r"^\t(\w[^\t\n]*?) = (.*)$", output, re.MULTILINE))

    def _scheduled(self) -> bool:
        data = files.read(self.unit)
        return data is not None and "StartCalendarInterval" in plistlib.loads(data)

    def _unload(self) -> None:
        """Returns once launchd has let go of it: ``bootout`` may return before that."""
        if self.shown() is None:
            return
        _, output = _call("bootout", self.target, seconds=STOP_SECONDS)
        deadline = time.monotonic() + STOP_SECONDS
        while self.shown() is not None:
            if time.monotonic() > deadline:
                raise HostError(f"{self.target}: still there {STOP_SECONDS} s after bootout: {output}")
            time.sleep(0.1)

    def _must(self, *arguments: str) -> None:
        code, output = _call(*arguments)
        if code:
            raise HostError(f"launchctl {' '.join(arguments)}: {output or f'exit status {code}'}")

    def _unreachable(self, why: str) -> str:
        mend = (
            "Deploy as root."
            if self.scope == "system"
            else "Log in at the screen as this user (a Mac without one: automatic login), or run "
            "the services as daemons: hearth:launchd: {scope: system, account: NAME}."
        )
        return f"launchd: the domain {self.domain} cannot be reached ({why}). {mend}"


def _call(*arguments: str, seconds: float = CALL_SECONDS) -> tuple[int, str]:
    """Exit status, and what was written; errors are told apart by both."""
    try:
        done = subprocess.run(
            ["launchctl", *arguments], capture_output=True, text=True, check=False, timeout=seconds
        )
    except FileNotFoundError:
        raise HostError(
            "launchctl: not found; this machine does not run macOS, choose another runtime"
        ) from None
    except subprocess.TimeoutExpired:
        raise HostError(f"launchctl {' '.join(arguments)}: no end within {seconds:g} s") from None
    return done.returncode, (done.stdout + done.stderr).strip("\n")
