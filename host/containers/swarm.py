"""A service of a swarm: whether it has a task, and waiting for the one that runs what it says now."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from host.containers import client
from host.errors import HostError

PAUSE_SECONDS = 0.25
SCALE_SECONDS = 30
MANY_FAILURES = 4
_FAILED = ("failed", "rejected", "orphaned")


def containers(daemon: Any, name: str) -> list[Any]:
    """Those of the tasks of the service ``name`` that run: one, or none."""
    label = {"label": f"com.docker.swarm.service.name={name}"}
    return daemon.containers.list(filters=label, ignore_removed=True)


def scale(daemon: Any, name: str, tasks: int) -> None:
    """Have the service ``name`` run as so many tasks: one, or none, which keeps it and its volumes.

    Returns at once. Raises ``docker.errors.NotFound`` where there is no such service.
    """
    import docker

    deadline = time.monotonic() + SCALE_SECONDS
    while True:
        found = daemon.api.inspect_service(name)
        mode, spec = {"Replicated": {"Replicas": tasks}}, found["Spec"]
        if spec["Mode"] == mode:
            return
        try:
            # What is not said again is no part of it any more; the client's own `scale` forgets networks.
            daemon.api.update_service(
                found["ID"],
                found["Version"]["Index"],
                task_template=spec["TaskTemplate"],
                name=spec["Name"],
                labels=spec.get("Labels"),
                mode=mode,
                update_config=spec.get("UpdateConfig"),
                rollback_config=spec.get("RollbackConfig"),
                endpoint_spec=spec.get("EndpointSpec"),
            )
            return
        except docker.errors.APIError as error:
            # Swarm itself writes into a service, between the two calls as well.
            if "update out of sequence" not in str(error) or time.monotonic() > deadline:
                raise


def wait(daemon: Any, service: str, name: str, health: Mapping[str, Any]) -> Any:
    """The container of the service ``name``, once it is healthy: before that Swarm calls no task running.

    After a change it is the container that Swarm keeps: it watches a new task for a while, puts the old one
    back if that ends, and takes no other change before it has written how it went.
    Raises ``HostError`` as soon as it is clear that it will not be.
    """
    import docker

    patience = health.get("start_period", 30) + health.get("interval", 5) * (health.get("retries", 6) + 1)
    began, known = time.monotonic(), None
    while True:
        try:
            found = daemon.api.inspect_service(name)
            tasks = daemon.api.tasks(filters={"service": name})
        except docker.errors.NotFound:
            raise HostError(
                f"{service}: there is no service {name} in the swarm; run `pulumi refresh`, then `pulumi up`"
            ) from None
        current = [task for task in tasks if _same(task, found)]
        watched = _update(found) == "updating"
        # Swarm remembers tasks for a while; what failed before says nothing of now.
        known = {task["ID"] for task in current if _failed(task)} if known is None else known
        for task in () if watched else current:
            if task["DesiredState"] == "running" and task["Status"]["State"] == "running":
                return daemon.containers.get(task["Status"]["ContainerStatus"]["ContainerID"])
        why = _over(found, [task for task in current if _failed(task) and task["ID"] not in known]) or (
            f"no task was running within {patience:g} s"
            if time.monotonic() - began > patience + (_monitor(found) if watched else 0)
            else None
        )
        if why:
            raise HostError(f"{service}: the service {name} did not get ready: {why}{_told(daemon, tasks)}")
        time.sleep(PAUSE_SECONDS)


def _same(task: Mapping[str, Any], found: Mapping[str, Any]) -> bool:
    """Whether a task is of the service's present description, not of an earlier one."""
    mine, wanted = task["Spec"], found["Spec"]["TaskTemplate"]
    keys = ("ContainerSpec", "Resources", "ForceUpdate")
    return all(mine.get(key) == wanted.get(key) for key in keys)


def _update(found: Mapping[str, Any]) -> str:
    """How far the service's last change is; nothing where there was none yet."""
    return (found.get("UpdateStatus") or {}).get("State") or ""


def _monitor(found: Mapping[str, Any]) -> float:
    """For how many seconds Swarm watches a changed task."""
    return found["Spec"]["UpdateConfig"]["Monitor"] / 10**9


def _failed(task: Mapping[str, Any]) -> bool:
    return task["Status"]["State"] in _FAILED


def _over(found: Mapping[str, Any], failed: list[dict[str, Any]]) -> str | None:
    if _update(found).startswith("rollback"):
        return "Swarm put the previous one back"
    if len(failed) >= MANY_FAILURES:
        return f"it failed {len(failed)} times: {failed[-1]['Status'].get('Err') or ''}"
    return None


def _told(daemon: Any, tasks: list[dict[str, Any]]) -> str:
    """The last words of the latest task that failed."""
    import docker

    for task in sorted(filter(_failed, tasks), key=lambda task: task["CreatedAt"], reverse=True):
        identity = (task["Status"].get("ContainerStatus") or {}).get("ContainerID")
        try:
            return f" ({task['Status'].get('Err', '')})" + client.last_lines(daemon.containers.get(identity))
        except (docker.errors.NotFound, docker.errors.NullResource):
            continue
    return ""
