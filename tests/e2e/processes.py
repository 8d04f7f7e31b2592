"""Processes of a service that no container or unit keeps together."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator

import psutil

from tests.e2e.workbench import Workbench


def processes(stack: Workbench, service: str) -> list[psutil.Process]:
    """Those that work in the service's directory, or are told of it."""
    found, own = [], f"{stack.root}/{service}/"
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if f"{process.cwd()}/".startswith(own) or any(own in word for word in process.cmdline()):
                found.append(process)
    return found


@contextlib.contextmanager
def hanging(stack: Workbench, service: str) -> Iterator[None]:
    """A service whose processes are there and do nothing: no supervisor notices that."""
    stopped = processes(stack, service)
    assert stopped
    for process in stopped:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in stopped:
            process.send_signal(signal.SIGCONT)
