"""The containers, services and volumes of a state, compared with what the Docker daemon has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from components.units import format_cpus
from host.containers import swarm
from host.drift import Finding
from ops.engine import Resource

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

CONTAINER = "docker:index/container:Container"
SERVICE = "docker:index/service:Service"
VOLUME = "docker:index/volume:Volume"
STOPPED, UNHEALTHY, MISSING = "not running", "unhealthy", "missing"
_MIB, _NANO = 1024**2, 10**9
# Key of the resource, name to show, key of Docker's answer.
_SIZES = (
    ("memory", "memory", "Memory"),
    ("memoryReservation", "memory reservation", "MemoryReservation"),
    ("memorySwap", "memory and swap", "MemorySwap"),
)


def labels(resource: Resource) -> dict[str, str]:
    """The labels that a state gives a container or a volume."""
    return {entry["label"]: entry["value"] for entry in resource.inputs.get("labels", [])}


def service(resource: Resource) -> str:
    """The service that a container or a volume belongs to."""
    return labels(resource).get("hearth.service", resource.name)


def differences(client: DockerClient, resources: Iterable[Resource]) -> list[tuple[Resource, Finding]]:
    """Containers, services and volumes that are gone, stopped, unhealthy, replaced or limited otherwise."""
    found = []
    looks = {CONTAINER: _container, SERVICE: _service, VOLUME: _volume}
    for resource in resources:
        if resource.type not in looks:
            continue
        problems = list(looks[resource.type](client, resource))
        subject = f"{resource.type.rpartition(':')[2].lower()} {resource.inputs['name']}"
        found += [(resource, Finding(service(resource), subject, problem)) for problem in problems]
    return found


def _container(client: DockerClient, resource: Resource) -> Iterator[str]:
    import docker

    try:
        container = client.containers.get(resource.inputs["name"])
    except docker.errors.NotFound:
        yield MISSING
        return
    if container.id != resource.id:
        yield "replaced by another one"
        return
    if container.status != "running":
        yield STOPPED
    elif container.attrs["State"].get("Health", {}).get("Status") == "unhealthy":
        yield UNHEALTHY
    yield from _limits(resource.inputs, container)


def _limits(inputs: Mapping[str, Any], container: Container) -> Iterator[str]:
    host = container.attrs["HostConfig"]
    cpus = float(inputs.get("cpus") or 0)
    for key, name, here in _SIZES:
        wanted, there = (inputs.get(key) or 0) * _MIB, host.get(here) or 0
        if wanted != there:
            yield f"{name} is {_mebibytes(there)}, not {_mebibytes(wanted)}"
    if round(cpus * _NANO) != (host.get("NanoCpus") or 0):
        yield f"CPU limit is {format_cpus(host['NanoCpus'] / _NANO)}, not {format_cpus(cpus)}"


def _mebibytes(size: int) -> str:
    return f"{size // _MIB}MiB" if size else "unlimited"


def _service(client: DockerClient, resource: Resource) -> Iterator[str]:
    """Swarm keeps its tasks as the service says; but the service may be gone, or say something else."""
    import docker

    try:
        service = client.services.get(resource.id)
    except docker.errors.NotFound:
        yield MISSING
        return
    if not service.tasks(filters={"desired-state": "running"}):
        yield STOPPED
    wanted = int(resource.inputs["taskSpec"]["resources"]["limits"]["memoryBytes"])
    limits = (service.attrs["Spec"]["TaskTemplate"].get("Resources") or {}).get("Limits") or {}
    if wanted != limits.get("MemoryBytes", 0):
        yield f"memory is {_mebibytes(limits.get('MemoryBytes', 0))}, not {_mebibytes(wanted)}"


def _volume(client: DockerClient, resource: Resource) -> Iterator[str]:
    import docker

    try:
        client.volumes.get(resource.inputs["name"])
    except docker.errors.NotFound:
        yield MISSING


def recreate(client: DockerClient, volume: Resource) -> None:
    """Make a volume that is gone, empty."""
    client.volumes.create(volume.inputs["name"], labels=labels(volume))


def mend(client: DockerClient, container: Resource, problem: str) -> bool:
    """Put one difference right with the daemon alone; ``False`` when that takes Pulumi."""
    name = container.inputs["name"]
    if container.type == SERVICE:
        if problem == STOPPED:
            swarm.scale(client, name, 1)
        return problem == STOPPED
    if problem == STOPPED:
        client.containers.get(name).start()
    elif problem == UNHEALTHY:
        client.containers.get(name).restart()
    return problem in (STOPPED, UNHEALTHY)
