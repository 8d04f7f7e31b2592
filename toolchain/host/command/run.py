"""Run the commands of `command:local:Command`.

Each command has a process group of its own, so that ending it ends what it started too. Output is kept whole
for the resource's outputs and passed on line by line while it comes.
"""

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO

from toolchain.host.resource import OperationFailed

DEFAULT_INTERPRETER = ["/bin/sh", "-c"]
# What a command gets to clean up in after SIGTERM. The engine gives a plugin five seconds in all.
GRACE_SECONDS = 3.0


@dataclass(frozen=True)
class Invocation:
    """One command to run."""

    command: str
    interpreter: list[str] = field(default_factory=lambda: DEFAULT_INTERPRETER)
    directory: str | None = None
    environment: dict[str, str] = field(default_factory=dict)
    stdin: str = ""
    log_stdout: bool = True
    log_stderr: bool = True


class Runner:
    """Runs commands side by side and can end them all."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._cancelled = False

    def run(self, invocation: Invocation, log: Callable[[str], None]) -> tuple[str, str]:
        """Standard output and error, each without its last newline; raises where the exit status is not 0."""
        process = self._start(invocation)
        kept: tuple[list[bytes], list[bytes], list[bytes]] = ([], [], [])
        stdout, stderr, both = kept
        lock = threading.Lock()
        readers = [
            threading.Thread(
                target=_copy, args=(process.stdout, stdout, both, lock, log, invocation.log_stdout)
            ),
            threading.Thread(
                target=_copy, args=(process.stderr, stderr, both, lock, log, invocation.log_stderr)
            ),
        ]
        for reader in readers:
            reader.start()
        if invocation.stdin:
            threading.Thread(target=_feed, args=(process.stdin, invocation.stdin), daemon=True).start()
        for reader in readers:
            reader.join()
        status = process.wait()
        with self._lock:
            self._running.discard(process)
        if status != 0:
            raise OperationFailed(_failure(status, invocation.command, _text(both)))
        return _text(stdout).removesuffix("\n"), _text(stderr).removesuffix("\n")

    def _start(self, invocation: Invocation) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._cancelled:
                raise OperationFailed("the run was cancelled before this command started")
            try:
                process = subprocess.Popen(
                    [*invocation.interpreter, invocation.command],
                    cwd=invocation.directory,
                    env={**os.environ, **invocation.environment},
                    stdin=subprocess.PIPE if invocation.stdin else subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    process_group=0,
                )
            except (OSError, ValueError) as error:
                raise OperationFailed(f"{error}: running {_quote(invocation.command)}:\n") from error
            self._running.add(process)
            return process

    def cancel(self) -> None:
        """End all commands that run, and start no more."""
        with self._lock:
            self._cancelled = True
            running = list(self._running)
        for process in running:
            _signal_group(process, signal.SIGTERM)
        deadline = time.monotonic() + GRACE_SECONDS
        while any(process.poll() is None for process in running) and time.monotonic() < deadline:
            time.sleep(0.05)
        for process in running:
            _signal_group(process, signal.SIGKILL)


def _signal_group(process: subprocess.Popen[bytes], number: int) -> None:
    # The whole group may have gone already.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _copy(
    source: IO[bytes],
    own: list[bytes],
    both: list[bytes],
    lock: threading.Lock,
    log: Callable[[str], None],
    logged: bool,
) -> None:
    for line in source:
        own.append(line)
        with lock:
            both.append(line)
        if logged:
            log(line.decode("utf-8", "replace").rstrip("\r\n"))


def _feed(target: IO[bytes], text: str) -> None:
    try:
        with target:
            target.write(text.encode())
    except BrokenPipeError:
        pass  # The command did not read all of it: its exit status says whether that matters.


def _text(chunks: list[bytes]) -> str:
    return b"".join(chunks).decode("utf-8", "replace")


def _failure(status: int, command: str, output: str) -> str:
    """The wording of the official plugin, which users search for."""
    if status < 0:
        ended = f"signal: {(signal.strsignal(-status) or str(-status)).lower()}"
    else:
        ended = f"exit status {status}"
    return f"{ended}: running {_quote(command)}:\n{output}"


def _quote(command: str) -> str:
    return json.dumps(command, ensure_ascii=False)
