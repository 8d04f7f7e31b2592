"""Asking a native service whether it answers."""

from __future__ import annotations

import time
from collections.abc import Callable

from host import execution
from host.accounts import Identity
from host.documents import Document, Health
from host.managers import State, Status

FIRST_PAUSE = 0.1
"""Seconds between the first questions; most services answer well before their interval."""
STEADY_SECONDS = 2
"""How long a process must run that there is no way to ask anything."""
MANY_ATTEMPTS = 4
"""Starts after which waiting longer is of no use."""


def complaint(document: Document, identity: Identity) -> str | None:
    """Ask once. None when the service answers, else why not."""
    health = document.health
    if health is None or not (health.argv or health.http):
        return None
    if health.http:
        return http(health.http, health.timeout)
    outcome = execution.run(
        health.argv,
        timeout=health.timeout,
        identity=identity,
        env=execution.environment(document.path, document.env),
    )
    return None if outcome.ok else f"{health.argv[0]}: {outcome.why(lines=3)}"


def wait(document: Document, identity: Identity, status: Callable[[], Status]) -> str | None:
    """Ask until the service answers, its patience is over, or its process is not running any more.

    Returns None when it answers, else the reason of the last refusal.
    """
    health = document.health or Health((), None, 1, 1, 5)
    deadline = time.monotonic() + health.patience
    pause = FIRST_PAUSE
    attempts = set()
    running: dict[int, float] = {}
    while True:
        # In this order: an answer counts only when a process of ours ran all the while.
        reason = complaint(document, identity)
        process = status()
        if process.state is State.STOPPED:
            return process.reason
        attempts.add(process.attempt)
        if len(attempts) > MANY_ATTEMPTS:
            return f"its process ended {len(attempts) - 1} times soon after its start"
        asked = document.health is None or health.argv or health.http
        if reason is None and process.state is State.RUNNING and (asked or _steady(running, process.attempt)):
            return None
        reason = reason or "its process has not run for long"
        if time.monotonic() + pause > deadline:
            return f"no healthy answer within {health.patience:g} s; the last: {reason}"
        time.sleep(pause)
        pause = min(pause * 1.5, health.interval)


def _steady(running: dict[int, float], attempt: int) -> bool:
    """Whether this start of the process was seen running a while ago; ``running`` is when each was first."""
    return time.monotonic() - running.setdefault(attempt, time.monotonic()) >= STEADY_SECONDS


def http(url: str, timeout: float) -> str | None:
    """GET ``url`` once. None when it answers with a status below 400, else why not."""
    import ssl
    from urllib.error import HTTPError
    from urllib.request import HTTPSHandler, ProxyHandler, build_opener

    # Asked on this host, whether it answers; who signed its certificate is its readers' concern.
    anybody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anybody.check_hostname = False
    anybody.verify_mode = ssl.CERT_NONE
    try:
        direct = build_opener(ProxyHandler({}), HTTPSHandler(context=anybody))
        with direct.open(url, timeout=timeout) as answer:
            return None if answer.status < 400 else f"{url}: status {answer.status}"
    except HTTPError as error:
        return f"{url}: status {error.code}"
    except (OSError, ValueError) as error:
        return f"{url}: {error}"
