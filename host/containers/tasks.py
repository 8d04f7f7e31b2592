"""Commands in a container whose service answers."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import Any

from host.errors import HostError
from host.stdin import progress


def run(container: Any, service: str, tasks: Iterable[Mapping[str, Any]]) -> list[str]:
    """Run ``{name, argv, timeout, optional}`` in order. Returns the names of optional ones that failed.

    Raises ``HostError`` at the first other failure; the container is left running.
    """
    failed = []
    for task in tasks:
        progress(f"{service}: task {task['name']}")
        why = _run(container, list(task["argv"]), task.get("timeout", 120))
        if why is None:
            continue
        if not task.get("optional"):
            raise HostError(f"{service}: it answers, but its task {task['name']} failed: {why}")
        progress(f"{service}: warning: optional task {task['name']} failed: {why}")
        failed.append(task["name"])
    return failed


def _run(container: Any, argv: list[str], seconds: float) -> str | None:
    """None when it ended well, else why not.

    Docker cannot end what ``exec`` started: a slow command is left behind.
    """
    outcome: list[Any] = []
    # A thread that may hang: the daemon gives the output of an exec on a stream without a time limit.
    thread = threading.Thread(target=lambda: outcome.append(container.exec_run(argv)), daemon=True)
    thread.start()
    thread.join(seconds)
    if not outcome:
        return f"no end within {seconds:g} s" if thread.is_alive() else "the daemon did not run it"
    code, output = outcome[0]
    lines = output.decode(errors="replace").strip().splitlines()[-20:]
    return None if code == 0 else "\n".join([f"exit status {code}", *lines])
