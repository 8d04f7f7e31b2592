"""Waiting for a service of a swarm: for the one task that runs what the service says now."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from host.containers import client
from host.errors import HostError

PAUSE_SECONDS = 0.25
MANY_FAILURES = 4
_FAILED = ("failed", "rejected", "orphaned")


def wait(daemon: Any, service: str, name: str, health: Mapping[str, Any]) -> Any:
    """The container of the service ``name``, once it is healthy: before that Swarm calls no task running.

    Raises ``HostError`` as soon as it is clear that it will not be.
    """
    import docker

    patience = health.get("start_period", 30) + health.get("interval", 5) * (health.get("retries", 6) + 1)
    began = time.monotonic()
    while True:
        try:
            found = daemon.api.inspect_service(name)
            tasks = daemon.api.tasks(filters={"service": name})
        except docker.errors.NotFound:
            raise HostError(
                f"{service}: there is no service {name} in the swarm; run `pulumi refresh`, then `pulumi up`"
            ) from None
        current = [task for task in tasks if _same(task, found)]
        for task in current:
            if task["DesiredState"] == "running" and task["Status"]["State"] == "running":
                return daemon.containers.get(task["Status"]["ContainerStatus"]["ContainerID"])
        why = _over(found, current) or (
            f"no task was running within {patience:g} s" if time.monotonic() - began > patience else None
        )
        if why:
            raise HostError(f"{service}: the service {name} did not get ready: {why}{_told(daemon, tasks)}")
        time.sleep(PAUSE_SECONDS)


def _same(task: Mapping[str, Any], found: Mapping[str, Any]) -> bool:
    """Whether a task is of the service's present description, not of an earlier one."""
    mine, wanted = task["Spec"], found["Spec"]["TaskTemplate"]
    keys = ("ContainerSpec", "Resources", "ForceUpdate")
    return all(mine.get(key) == wanted.get(key) for key in keys)


def _over(found: Mapping[str, Any], current: list[dict[str, Any]]) -> str | None:
    state = (found.get("UpdateStatus") or {}).get("State") or ""
    if state.startswith("rollback"):
        return "Swarm put the previous one back"
    failures = [task["Status"].get("Err") or "" for task in current if task["Status"]["State"] in _FAILED]
    if len(failures) >= MANY_FAILURES:
        return f"it failed {len(failures)} times: {failures[-1]}"
    return None


def _told(daemon: Any, tasks: list[dict[str, Any]]) -> str:
    """The last words of the latest task that failed."""
    import docker

    failed = [task for task in tasks if task["Status"]["State"] in _FAILED]
    for task in sorted(failed, key=lambda task: task["CreatedAt"], reverse=True):
        identity = (task["Status"].get("ContainerStatus") or {}).get("ContainerID")
        try:
            return f" ({task['Status'].get('Err', '')})" + client.last_lines(daemon.containers.get(identity))
        except (docker.errors.NotFound, docker.errors.NullResource):
            continue
    return ""
