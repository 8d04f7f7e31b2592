"""Wait until a container is healthy, and say why it is not.

Source: the `wait` loop of terraform-provider-docker 4.5.0, whose error says only that the container "failed
to be in healthy state"; here the last health check and the last log lines follow.
"""

import threading
import time
from typing import Any

INTERVAL_SECONDS = 0.25
LOG_LINES = 20
NO_HEALTHCHECK = (
    "you have supplied a 'wait' argument, but the container does not have a healthcheck defined. "
    "Please remove the 'wait' argument or add a 'healthcheck' attribute"
)


def wait(api: Any, container: str, seconds: float, cancelled: threading.Event) -> str | None:
    """None once the container is healthy, or the reason why it did not get there."""
    deadline = time.monotonic() + seconds
    while True:
        state = api.inspect_container(container)["State"]
        health = state.get("Health")
        if health is None:
            return NO_HEALTHCHECK
        if health["Status"] == "healthy":
            return None
        # With a restart policy the status is "restarting" between two attempts: only a container that stays
        # down ends the wait early.
        if state["Status"] in ("exited", "dead"):
            return _reason(api, container, f"it ended with exit code {state['ExitCode']}", health)
        if cancelled.is_set():
            return _reason(api, container, "the run was cancelled", health)
        if time.monotonic() >= deadline:
            return _reason(api, container, f"it is {health['Status']} after {seconds:g} s", health)
        time.sleep(INTERVAL_SECONDS)


def _reason(api: Any, container: str, what: str, health: dict[str, Any]) -> str:
    lines = [f"container failed to be in healthy state: {what}"]
    checks = health.get("Log") or []
    if checks:
        lines.append(
            f"last health check (exit code {checks[-1]['ExitCode']}): {checks[-1]['Output'].strip()}"
        )
    else:
        lines.append("no health check has finished")
    log = api.logs(container, tail=LOG_LINES).decode("utf-8", "replace").strip()
    if log:
        lines.append(f"last lines of its log:\n{log}")
    return "\n".join(lines)
