"""A private systemd user manager, for machines where systemd is not process 1.

It gets a runtime directory, a configuration directory and a cgroup of its own; what it started
ends with it, and nothing else is touched. Needs root (for the cgroup).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

BOOTED = Path("/run/systemd/system")
START_SECONDS = 20


@dataclass(frozen=True)
class UserManager:
    """A running manager. ``env`` is what ``systemctl --user`` needs; ``units`` is where it reads units."""

    env: dict[str, str]
    units: Path
    pid: int
    cgroup: str


def hierarchies() -> list[Path]:
    """Every mounted cgroup hierarchy: one with cgroup v2 alone, several with v1 or a mixture."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    return [Path(entry[1]) for entry in mounts if entry[2] in ("cgroup", "cgroup2")]


@contextlib.contextmanager
def user_manager() -> Iterator[UserManager]:
    """Start one, and end it with everything in its cgroup."""
    # systemd refuses to believe in itself without this directory.
    made_booted = not BOOTED.exists()
    BOOTED.mkdir(parents=True, exist_ok=True)
    base = Path(tempfile.mkdtemp(prefix="hearth-systemd-", dir="/var/tmp"))
    name = f"/{base.name}"
    runtime, configuration = base / "run", base / "config"
    for directory in (runtime, configuration / "systemd" / "user"):
        directory.mkdir(parents=True, mode=0o700)
    env = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": str(base),
        "XDG_RUNTIME_DIR": str(runtime),
        "XDG_CONFIG_HOME": str(configuration),
        "DBUS_SESSION_BUS_ADDRESS": f"unix:path={runtime}/bus",
    }
    made = _make_cgroups(name)
    manager = subprocess.Popen(
        ["/lib/systemd/systemd", "--user", "--log-target=console", "--log-level=notice"],
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=(base / "log").open("w"),
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=lambda: _enter(made),
    )
    try:
        _wait(env, manager, base / "log")
        yield UserManager(env=env, units=configuration / "systemd" / "user", pid=manager.pid, cgroup=name)
    finally:
        manager.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            manager.wait(15)
        _end(made)
        manager.wait(5)
        shutil.rmtree(base, ignore_errors=True)
        if made_booted:  # it would make package scripts believe in a systemd, too
            with contextlib.suppress(OSError):
                BOOTED.rmdir()


def _make_cgroups(name: str) -> list[Path]:
    made = []
    for hierarchy in hierarchies():
        group = hierarchy / name.lstrip("/")
        with contextlib.suppress(OSError):
            group.mkdir()
            if (hierarchy / "cpuset.cpus").exists():  # v1: empty until told, and then takes no process
                for file in ("cpuset.cpus", "cpuset.mems"):
                    (group / file).write_text((hierarchy / file).read_text())
            made.append(group)
    return made


def _enter(groups: list[Path]) -> None:
    for group in groups:
        (group / "cgroup.procs").write_text(str(os.getpid()))


def _wait(env: dict[str, str], manager: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while subprocess.run(
        ["systemctl", "--user", "show", "--property=Version"], env=env, capture_output=True, check=False
    ).returncode:
        if manager.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the user manager does not answer:\n{log.read_text()}")
        time.sleep(0.1)


def _end(groups: list[Path]) -> None:
    """Kill what is left in the cgroups, and remove them, deepest first."""
    for group in groups:
        deadline = time.monotonic() + 5
        while _members(group) and time.monotonic() < deadline:
            for pid in _members(group):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)
        for directory in sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True):
            with contextlib.suppress(OSError):
                directory.rmdir()
        with contextlib.suppress(OSError):
            group.rmdir()


def _members(group: Path) -> list[int]:
    return [int(line) for file in group.rglob("cgroup.procs") for line in file.read_text().split()]
