"""Every kind of service as each runtime plans and records it, for the contracts beside this file."""

from __future__ import annotations

import plistlib
from collections.abc import Iterable
from functools import cache
from typing import Any

import pytest
from support.mocks import Recorder, Registration
from support.stacks import RUNTIMES, STACK, everything, kinds, plan, record

from components.catalog import entries
from components.config import CONTAINERS
from components.spec import ServiceSpec

KINDS = sorted(entries())
# No formula of Homebrew's is known to bring them: on a Mac their programs must be there already.
NO_FORMULA = {
    "alertmanager", "blackbox-exporter", "cadvisor", "neo4j", "postgres-exporter", "process-exporter",
    "qdrant", "redis-exporter",
}  # fmt: skip
# What of the host a container may see. Everybody else sees nothing of it.
HOST_MOUNTS = {
    "alloy": {"/var/lib/docker/containers"},
    "cadvisor": {"/sys", "/var/lib/docker", "/var/run/docker.sock"},
    "node-exporter": {f"/var/lib/hearth/{STACK}/backup/metrics"},
    "process-exporter": {"/proc"},
    "mtail": {"/var/lib/docker/containers"},
    "promtail": {"/var/lib/docker/containers"},
    "vector": {"/var/lib/docker/containers"},
}
COMMAND = "command:local:Command"

every_runtime = pytest.mark.parametrize("runtime", RUNTIMES)
every_service = pytest.mark.parametrize("service", KINDS)
every_process = pytest.mark.parametrize("service", kinds("supervisord"))


def on(runtimes: Iterable[str]) -> pytest.MarkDecorator:
    """Every service on each of the runtimes that can run it."""
    return pytest.mark.parametrize(
        ("service", "runtime"), [(service, runtime) for runtime in runtimes for service in kinds(runtime)]
    )


@cache
def recorded(runtime: str) -> Recorder:
    return record(everything(runtime))


@cache
def planned(runtime: str) -> dict[str, ServiceSpec]:
    return {spec.name: spec for spec in plan(everything(runtime)).services}


def component(runtime: str, service: str) -> Registration:
    return recorded(runtime).named(service, f"hearth:service:{entries()[service].class_name}")


def walled_off(spec: ServiceSpec) -> bool:
    """It has no data, and is on no network with a database, with the front door or with the world."""
    return not spec.volumes and not {"backend", "data", "egress", "frontend"} & set(spec.networks)


def gate_name(service: str, runtime: str) -> str:
    """Of the resource that exists once the service answers."""
    return f"{service}-ready" if runtime in CONTAINERS else service


def container(service: str) -> Registration:
    return recorded("docker").named(f"{service}-container", "docker:index/container:Container")


NATIVE = [name for name in RUNTIMES if name not in CONTAINERS]
LAUNCHD = [name for name in RUNTIMES if name.startswith("launchd")]
SYSTEMD = [name for name in RUNTIMES if name.startswith("systemd")]


def applied(runtime: str, service: str) -> dict[str, Any]:
    return recorded(runtime).named(service, COMMAND).document


def unit(runtime: str, service: str) -> dict[str, list[str]]:
    """Directive to its values, of the unit whose process it is."""
    found: dict[str, list[str]] = {}
    document = applied(runtime, service)
    jobs = [entry["content"] for entry in document["files"] if entry["path"].endswith(".job.service")]
    for line in (*jobs, document["unit"]["content"])[0].splitlines():
        key, separator, value = line.partition("=")
        if separator and not line.startswith(("#", ";")):
            found.setdefault(key, []).append(value)
    return found


def job(runtime: str, service: str) -> dict[str, Any]:
    """The property list of a service."""
    return plistlib.loads(applied(runtime, service)["unit"]["content"].encode())
