"""``supervisor start|stop ROOT``: the supervisord of a stack, and the connection to it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from host import files
from host.errors import HostError
from host.managers import orphans

START_SECONDS = 20
SOCKET_PATH_LIMIT = 100
"""Bytes: the kernel's limit is 104 (macOS) or 108 (Linux), terminator included."""

CONFIGURATION = """\
; Written by "python -m host supervisor start". Programs are in programs/.
[supervisord]
logfile = {directory}/supervisord.log
logfile_maxbytes = 5MB
logfile_backups = 2
pidfile = {directory}/supervisord.pid
directory = {directory}
childlogdir = {directory}
umask = 022
{user}
[unix_http_server]
file = {directory}/supervisor.sock
chmod = 0700

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface

[include]
files = {directory}/programs/*.conf
"""


def main(arguments: list[str]) -> str:
    """``start ROOT`` or ``stop ROOT [--all]``."""
    match arguments:
        case ["start", root]:
            return start(Path(root))
        case ["stop", root]:
            return stop(Path(root))
        case ["stop", root, "--all"]:
            return stop(Path(root), everything=True)
    raise HostError("usage: supervisor start ROOT | stop ROOT [--all]")


def start(root: Path) -> str:
    """Start supervisord as a daemon. Idempotent; a stale socket or pid file does not matter.

    Raises ``HostError`` when it does not answer in time.
    """
    directory = root / "supervisor"
    if len(str(directory / "supervisor.sock").encode()) > SOCKET_PATH_LIMIT:
        raise HostError(f"{directory}: too long a path for a socket; choose a shorter data root")
    root.mkdir(mode=0o755, parents=True, exist_ok=True)
    files.directory(directory, mode=0o700)
    files.directory(directory / "programs", mode=0o700)
    with files.locked(directory / ".lock"):
        if connect(root) is not None:
            return "supervisord: running"
        orphans.end(directory / "supervisord.pid")
        user = "user = root\n" if os.geteuid() == 0 else ""
        text = CONFIGURATION.format(directory=str(directory).replace("%", "%%"), user=user)
        files.write(directory / "supervisord.conf", text.encode(), mode=0o600)
        _launch(directory / "supervisord.conf")
        deadline = time.monotonic() + START_SECONDS
        while connect(root) is None:
            if time.monotonic() > deadline:
                raise HostError(
                    f"supervisord: no answer within {START_SECONDS} s; see {directory / 'supervisord.log'}"
                )
            time.sleep(0.05)
    return "supervisord: started"


def stop(root: Path, *, everything: bool = False) -> str:
    """Shut supervisord down, unless services are left and ``everything`` is not asked for."""
    directory = root / "supervisor"
    if not directory.is_dir():
        return "supervisord: not running"
    with files.locked(directory / ".lock"):
        left = sorted(path.stem for path in (directory / "programs").glob("*.conf"))
        if left and not everything:
            return f"supervisord: kept for {', '.join(left)}"
        server = connect(root)
        if server is None:
            orphans.end(directory / "supervisord.pid")
            return "supervisord: not running"
        pid = server.getPID()
        server.shutdown()
        orphans.wait_for_end(pid)
    return "supervisord: stopped"


def connect(root: Path) -> Any:
    """The XML-RPC interface of the stack's supervisord, or None when none answers."""
    from host.managers.rpc import interface

    server = interface(root / "supervisor" / "supervisor.sock")
    try:
        server.getPID()
    except OSError:
        return None
    return server


def require(root: Path) -> Any:
    """The interface, of a supervisord started now when there was none."""
    server = connect(root)
    if server is None:
        start(root)
        server = connect(root)
    if server is None:
        raise HostError(
            f"supervisord: ended just after its start; see {root / 'supervisor' / 'supervisord.log'}"
        )
    return server


def _launch(configuration: Path) -> None:
    # A pipe would be inherited by the daemon, and whoever reads the caller's output would wait for ever.
    with (configuration.parent / "start.log").open("w+") as output:
        done = subprocess.run(
            [sys.executable, "-m", "supervisor.supervisord", "-c", str(configuration)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            close_fds=True,
            cwd="/",
            check=False,
            env={"PATH": os.defpath, "LANG": "C.UTF-8", **_home()},
        )
        output.seek(0)
        if done.returncode:
            raise HostError(f"supervisord: could not start: {output.read().strip()}")


def _home() -> dict[str, str]:
    with contextlib.suppress(KeyError):
        return {"HOME": os.environ["HOME"]}
    return {}
