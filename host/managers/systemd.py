"""A service under systemd: the system's manager, or that of a user."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from host import cgroups, files
from host.errors import HostError
from host.managers import State, Status

CALL_SECONDS = 30
RESTART_SECONDS = 300
STOP_SECONDS = 180
"""Bound on a stop. systemd itself kills after the unit's ``TimeoutStopSec=``."""


@dataclass(frozen=True)
class Systemd:
    """``unit`` is the unit's file; its name is the unit's name. ``scope`` is ``user`` or ``system``.

    The unit of what runs at set times is its timer, which counts as running while it keeps the time.
    """

    unit: Path
    scope: str

    @property
    def job(self) -> str:
        """The unit whose process it is: of a timer, the one that it starts."""
        return f"{self.unit.stem}.job.service" if self.unit.suffix == ".timer" else self.unit.name

    def wake(self) -> None:
        """Nothing to do: the manager is there before anybody logs in, or cannot be reached."""

    def status(self) -> Status:
        """Running when the unit is active; starting while systemd tries again."""
        shown = self._show()
        state, restarts = shown["ActiveState"], int(shown.get("NRestarts") or 0)
        if state in ("activating", "active", "reloading"):
            return Status(State.RUNNING if state == "active" else State.STARTING, attempt=restarts)
        why = f"{self.unit.name} is {state} ({shown['Result']}, exit status {shown.get('ExecMainStatus')})"
        return Status(State.STOPPED, why, restarts)

    def memory(self) -> int | None:
        """Bytes that count against the unit's limit; None where the kernel does not count them."""
        return cgroups.memory(self._call("show", "--property=ControlGroup", "--value", self.job).strip())

    def restart(self) -> None:
        """Read the unit again, enable it, (re)start it. What comes of the start is for ``status`` to say."""
        self._call("daemon-reload")
        self._call("enable", "--quiet", self.unit.name)
        # Earlier failures count against the start limit.
        self._call("reset-failed", self.unit.name, tolerant=True)
        # Waited for: until its job is done, a restart shows the old process as active.
        self._call("restart", self.unit.name, seconds=RESTART_SECONDS, tolerant="Job for ")

    def forget(self) -> None:
        """Stop and disable the unit, remove its file."""
        if self._show()["LoadState"] != "not-found" or self.unit.exists():
            self._call("stop", self.unit.name, seconds=STOP_SECONDS, tolerant=not self.unit.exists())
            if self.job != self.unit.name:
                self._call("stop", self.job, seconds=STOP_SECONDS, tolerant=True)
                # When it ran last: another one of this name would make up for times before it was there.
                # `systemctl clean` does the same, and fails where no D-Bus runs.
                files.remove(self._stamp())
            self._call("disable", "--quiet", self.unit.name, tolerant=True)
            self._call("reset-failed", self.unit.name, tolerant=True)
        if self.unit.exists():
            files.remove(self.unit)
            self._call("daemon-reload")

    def run_now(self) -> None:
        """Start the job beside its times."""
        self._call("reset-failed", self.job, tolerant=True)
        self._call("start", "--no-block", self.job)

    def log(self, lines: int) -> list[str]:
        """The last lines in the journal; none where there is no journal."""
        flag = ["--user-unit" if self.scope == "user" else "--unit", self.job]
        try:
            done = subprocess.run(
                ["journalctl", "--quiet", "--no-pager", "--output=cat", f"--lines={lines}", *flag],
                capture_output=True,
                text=True,
                check=False,
                timeout=CALL_SECONDS,
            )
        except (OSError, subprocess.TimeoutExpired):
            return []
        return done.stdout.splitlines()

    def _stamp(self) -> Path:
        own = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
        place = Path("/var/lib") if self.scope == "system" else Path(own)
        return place / "systemd" / "timers" / f"stamp-{self.unit.name}"

    def _show(self) -> dict[str, str]:
        names = "LoadState,ActiveState,Result,ExecMainStatus,NRestarts"
        return dict(
            line.split("=", 1)
            for line in self._call("show", f"--property={names}", self.unit.name).splitlines()
            if "=" in line
        )

    def _call(self, *arguments: str, seconds: float = CALL_SECONDS, tolerant: bool | str = False) -> str:
        argv = ["systemctl", *(["--user"] if self.scope == "user" else []), "--no-pager", *arguments]
        try:
            done = subprocess.run(
                argv, capture_output=True, text=True, check=False, timeout=seconds, env=_environment()
            )
        except FileNotFoundError:
            raise HostError(
                "systemctl: not found; this machine does not run systemd, choose another runtime"
            ) from None
        except subprocess.TimeoutExpired:
            raise HostError(f"{' '.join(argv)}: no end within {seconds:g} s") from None
        if done.returncode and ("connect to bus" in done.stderr or "not been booted" in done.stderr):
            raise HostError(self._unreachable(done.stderr.strip()))
        if done.returncode and not (tolerant in done.stderr if isinstance(tolerant, str) else tolerant):
            raise HostError(f"{' '.join(argv)}: {done.stderr.strip() or f'exit status {done.returncode}'}")
        return done.stdout

    def _unreachable(self, why: str) -> str:
        if self.scope == "user":
            return (
                f"systemd: the manager of this user cannot be reached ({why}). "
                f"Run `sudo loginctl enable-linger {_user()}`, "
                "log in again, or choose the runtime supervisord."
            )
        return (
            f"systemd: the system's manager cannot be reached ({why}). "
            "Choose the runtime supervisord where systemd does not run."
        )


def _environment() -> dict[str, str]:
    """The caller's environment, with the usual place of the user's manager where it says none."""
    env = dict(os.environ, LC_ALL="C")
    env.setdefault("XDG_RUNTIME_DIR", f"/run/user/{os.geteuid()}")
    env.setdefault("DBUS_SESSION_BUS_ADDRESS", f"unix:path={env['XDG_RUNTIME_DIR']}/bus")
    return env


def _user() -> str:
    import pwd

    return pwd.getpwuid(os.geteuid()).pw_name
