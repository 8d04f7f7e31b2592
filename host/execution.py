"""Running a command that may hang, may start children, and must not outlive this process."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO

from host.accounts import Identity, current

PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Outcome:
    """``code`` is None when the time was up. ``output`` is stdout and stderr, as they came."""

    code: int | None
    output: str

    @property
    def ok(self) -> bool:
        """Whether it ended well."""
        return self.code == 0

    def why(self, lines: int = 20) -> str:
        """The reason in words, with the last lines of output."""
        head = "ran out of time" if self.code is None else f"exit status {self.code}"
        tail = "\n".join(self.output.strip().splitlines()[-lines:])
        return f"{head}\n{tail}" if tail else head


def run(
    argv: Sequence[str],
    *,
    timeout: float,
    env: Mapping[str, str] | None = None,
    identity: Identity | None = None,
    stdin: IO[bytes] | None = None,
    stdout: IO[bytes] | None = None,
) -> Outcome:
    """Run ``argv`` for at most ``timeout`` seconds with exactly ``env``; its process group ends with it.

    With an open file as ``stdout``, that gets the standard output, and ``Outcome.output`` the errors alone.
    """
    who = identity or current()
    switch = {"user": who.uid, "group": who.gid, "extra_groups": []} if who.switch else {}
    try:
        process = subprocess.Popen(
            list(argv),
            env=dict(env) if env is not None else None,
            cwd="/",
            stdin=stdin or subprocess.DEVNULL,
            stdout=stdout or subprocess.PIPE,
            stderr=subprocess.PIPE if stdout else subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with_parent(),
            **switch,
        )
    except OSError as error:
        return Outcome(127, f"{argv[0]}: {error.strerror}")
    try:
        streams = process.communicate(timeout=timeout)
        code: int | None = process.returncode
    except subprocess.TimeoutExpired as error:
        streams, code = (error.output, error.stderr), None
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return Outcome(code, (streams[1 if stdout else 0] or b"").decode(errors="replace"))


def environment(path: str, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The small environment of checks, health probes and tasks: nothing of the caller's leaks into it."""
    return {"PATH": path, "LANG": "C.UTF-8", "HOME": "/", **(extra or {})}


def die_with_parent() -> Callable[[], object] | None:
    """What a child calls before it becomes its program, so that a killed apply leaves no check or task."""
    if sys.platform != "linux":
        return None
    # Loaded here: the child may run as an account that cannot read Python's own files.
    import ctypes

    libc = ctypes.CDLL(None)
    return lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
