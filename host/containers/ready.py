"""``ready``: wait until a container is healthy, then run the service's tasks in it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from host import stdin
from host.containers import client, config_volumes, swarm, tasks
from host.errors import HostError

PAUSE_SECONDS = 0.25
MANY_RESTARTS = 3
STEADY_SECONDS = 3


def main(arguments: list[str]) -> str:
    """No arguments; ``{container, service, health, tasks}`` on stdin, health in seconds.

    With ``swarm``, a name, the container is that of the service of this name.
    """
    if arguments:
        raise HostError("usage: ready < document")
    document = stdin.document("container", "service")
    with client.daemon() as daemon:
        health = document.get("health") or {}
        if document.get("swarm"):
            container = swarm.wait(daemon, document["service"], document["swarm"], health)
        else:
            container = wait(daemon, document["service"], document["container"], health)
        failed = tasks.run(container, document["service"], document.get("tasks") or ())
        if document.get("prune"):
            config_volumes.prune(daemon, service=document["service"], **document["prune"])
    return f"{document['service']}: ready" + (
        f"; optional tasks failed: {', '.join(failed)}" if failed else ""
    )


def wait(daemon: Any, service: str, name: str, health: Mapping[str, Any]) -> Any:
    """The healthy container called ``name``. Raises ``HostError`` once it is clear that it will not be."""
    import docker

    interval = health.get("interval", 5)
    patience = health.get("start_period", 30) + interval * health.get("retries", 6)
    deadline = time.monotonic() + patience + health.get("timeout", 5)
    began, first = time.monotonic(), None
    while True:
        try:
            container = daemon.containers.get(name)
        except docker.errors.NotFound:
            raise HostError(
                f"{service}: there is no container {name}; run `pulumi refresh`, then `pulumi up`"
            ) from None
        first = container.attrs["RestartCount"] if first is None else first
        restarts = container.attrs["RestartCount"] - first
        if _healthy(container, unwatched_since=None if restarts else began):
            return container
        if _answers(container, health.get("test") or ()):
            return container
        dead = _dead(container, restarts)
        if dead or time.monotonic() > deadline:
            why = dead or f"no healthy answer within {patience:g} s; the last: {_last_probe(container)}"
            raise HostError(
                f"{service}: the container {name} did not get ready: {why}{client.last_lines(container)}"
            )
        time.sleep(PAUSE_SECONDS)


def _healthy(container: Any, *, unwatched_since: float | None) -> bool:
    """Without a health check of its own a container must have run for a while, without a restart."""
    state = container.attrs["State"]
    health = state.get("Health", {"Status": "none"})["Status"]
    if health == "none":
        steady = unwatched_since is not None and time.monotonic() - unwatched_since > STEADY_SECONDS
        return state["Status"] == "running" and steady
    return state["Status"] == "running" and health == "healthy"


def _answers(container: Any, test: Sequence[str]) -> bool:
    """Ask now what Docker itself asks only every ``interval`` seconds, the first time after one."""
    import docker

    if not test or container.attrs["State"]["Status"] != "running":
        return False
    argv = ["/bin/sh", "-c", *test[1:]] if test[0] == "CMD-SHELL" else list(test[1:])
    try:
        return container.exec_run(argv).exit_code == 0
    except docker.errors.APIError:
        # It ended meanwhile; the next look at its state says how.
        return False


def _dead(container: Any, restarts: int) -> str | None:
    """Why waiting longer is of no use."""
    state = container.attrs["State"]
    if state.get("OOMKilled"):
        return "it was killed because it ran out of memory; raise its memory in the stack's configuration"
    if state["Status"] in ("exited", "dead"):
        return f"it ended with exit status {state['ExitCode']}"
    if restarts >= MANY_RESTARTS:
        return f"it ended {restarts} times, the last time with exit status {state['ExitCode']}"
    return f"it is {state['Status']}" if state["Status"] in ("paused", "removing") else None


def _last_probe(container: Any) -> str:
    log = container.attrs["State"].get("Health", {}).get("Log") or []
    return f"exit status {log[-1]['ExitCode']}: {log[-1]['Output'].strip()[-300:]}" if log else "none"
