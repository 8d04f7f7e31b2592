"""A service as the arguments of one container. Pure but for the resources it is handed.

Reference: https://www.pulumi.com/registry/packages/docker/api-docs/container/
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import pulumi
import pulumi_docker as docker

from components.context import Places
from components.external import GATEWAY
from components.schedules import kept
from components.spec import ServiceSpec

MIB = 1024**2
PLACES = Places(
    config="/etc/hearth",
    secrets="/run/hearth-secrets",
    data="/var/lib/hearth",
    run="/run/hearth",
    source="/opt/hearth",
    archive="/var/lib/hearth-archive",
)
LOG_DRIVER = "json-file"
# With the labels in each line, whoever ships it need not ask the daemon whose it is.
LOG_OPTIONS = {"max-size": "10m", "max-file": "3", "labels": "hearth.stack,hearth.service"}
NO_NEW_PRIVILEGES = "no-new-privileges:true"
T = TypeVar("T")


def labels(stack: str, service: str | None = None, **more: pulumi.Input[str]) -> dict[str, Any]:
    """The labels by which a thing is known as ours."""
    found: dict[str, Any] = {"hearth.stack": stack}
    if service:
        found["hearth.service"] = service
    return found | {f"hearth.{key}": value for key, value in more.items()}


def label_list(kind: type[T], values: Mapping[str, Any]) -> list[T]:
    """``values`` in the provider's form, in a stable order."""
    return [kind(label=key, value=values[key]) for key in sorted(values)]


def go_duration(seconds: int) -> str:
    """``90`` as ``1m30s``: the form in which the provider gives durations back (Go's time.Duration)."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes}m{rest}s"
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"


def in_image(spec: ServiceSpec, argv: Sequence[str]) -> list[str]:
    """``argv`` with the service's own program where its image keeps it."""
    if not argv:
        return []
    program, *rest = argv
    here = (spec.image.program if spec.image else None) or spec.process.in_image
    return [here if here and program == spec.process.argv[0] else program, *rest]


def command_line(spec: ServiceSpec) -> list[str]:
    """What the container runs: the process, or what runs it at its times where it has a schedule."""
    argv = in_image(spec, spec.process.argv)
    return kept(argv, PLACES, "keep") if spec.schedule else argv


def health_test(spec: ServiceSpec) -> list[str]:
    """Docker's ``CMD`` or ``CMD-SHELL`` form; empty where there is nothing to ask.

    Images bring curl or wget, not always both.
    """
    health = spec.health
    if health.argv:
        return ["CMD", *in_image(spec, health.argv)]
    if health.http is None:
        return []
    url = shlex.quote(health.http)
    return [
        "CMD-SHELL",
        f"curl -fsSk -o /dev/null {url} || wget -q --no-check-certificate -O /dev/null {url}",
    ]


def aliases(spec: ServiceSpec) -> list[str]:
    """Its names on its networks; by the second any one of the replicas is reached."""
    return [spec.name, *([spec.replica_of] if spec.replica_of else [])]


def extra_hosts(spec: ServiceSpec) -> dict[str, str]:
    """Names that only the container is told: the host itself, where the service must reach it."""
    return {GATEWAY: "host-gateway"} if GATEWAY in spec.outside else {}


def tmpfs(spec: ServiceSpec) -> dict[str, str]:
    """Writable places of a read-only root; the process owns its own."""
    uid = spec.security.uid
    own = f"mode=0700,uid={uid},gid={uid},size=64m"
    return {PLACES.run: own} | dict.fromkeys(spec.security.scratch, "mode=1777,size=64m")


def _shares(weight: int | None) -> int | None:
    """Docker's unit, in which 1024 is everybody's and 2 the least."""
    return None if weight is None else max(2, weight * 1024 // 100)


def container_arguments(
    spec: ServiceSpec,
    stack: str,
    image: docker.RemoteImage,
    networks: Mapping[str, docker.Network],
    mounts: Mapping[str, tuple[str, bool]],
    generation: pulumi.Output[str] | None,
) -> dict[str, Any]:
    """Keyword arguments of ``docker.Container``.

    ``generation`` names the delivered secrets, so that other secrets make another container.
    """
    delivered = {"generation": generation} if generation is not None else {}
    resources = spec.resources
    test = health_test(spec)
    memory = resources.memory // MIB
    reservation = (resources.reservation or resources.memory // 2) // MIB
    program, rest = command_line(spec)[:1], command_line(spec)[1:]
    return {
        "name": f"{stack}-{spec.name}",
        "hostname": spec.name,
        "image": image.image_id,
        "entrypoints": program or None,
        "command": rest or None,
        "envs": [f"{key}={value}" for key, value in sorted(spec.process.env.items())],
        "user": f"{spec.security.uid}:{spec.security.uid}",
        "read_only": spec.security.read_only_root,
        "capabilities": docker.ContainerCapabilitiesArgs(
            drops=["ALL"], adds=[f"CAP_{name}" for name in spec.security.capabilities]
        ),
        "tmpfs": tmpfs(spec),
        "memory": memory,
        # Equal to memory: no swap on top of the limit.
        "memory_swap": memory,
        "memory_reservation": reservation,
        "cpus": f"{resources.cpus:g}" if resources.cpus is not None else None,
        "cpu_shares": _shares(resources.cpu_weight),
        "shm_size": resources.shm // MIB if resources.shm else None,
        "restart": "unless-stopped",
        "stop_signal": spec.process.stop_signal,
        "stop_timeout": spec.process.stop_seconds,
        "destroy_grace_seconds": spec.process.stop_seconds,
        "log_driver": LOG_DRIVER,
        "log_opts": LOG_OPTIONS,
        "healthcheck": docker.ContainerHealthcheckArgs(
            tests=test,
            interval=go_duration(spec.health.interval),
            timeout=go_duration(spec.health.timeout),
            retries=spec.health.retries,
            start_period=go_duration(spec.health.start_period),
        )
        if test
        else None,
        "hosts": [
            docker.ContainerHostArgs(host=host, ip=address) for host, address in extra_hosts(spec).items()
        ]
        or None,
        "networks_advanced": [
            docker.ContainerNetworksAdvancedArgs(name=networks[name].name, aliases=aliases(spec))
            for name in sorted(spec.networks)
        ],
        "ports": [
            docker.ContainerPortArgs(internal=port.number, external=port.number, ip=port.address)
            for port in spec.ports
            if port.publish
        ],
        "volumes": [
            docker.ContainerVolumeArgs(volume_name=name, container_path=path, read_only=read_only)
            for name, (path, read_only) in sorted(mounts.items(), key=lambda item: item[1])
        ]
        + [
            docker.ContainerVolumeArgs(host_path=mount.source, container_path=mount.path, read_only=True)
            for mount in spec.security.host_mounts
        ],
        "labels": label_list(docker.ContainerLabelArgs, labels(stack, spec.name, **delivered)),
    }
