"""Which volumes a container has, what is in them, and how a configuration in one is checked. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from components.commands import document
from components.runtimes.docker_arguments import PLACES, extra_hosts, health_test, in_image, labels, tmpfs
from components.spec import ServiceSpec, Source


def config_files(spec: ServiceSpec) -> list[dict[str, str]]:
    """Files without secrets, relative to the configuration volume. Pure."""
    return [
        {
            "path": file.path.removeprefix(f"{PLACES.config}/"),
            "content": file.content,
            "mode": "0500" if file.executable else "0400",
        }
        for file in spec.files
        if not file.secrets
    ]


def config_volume(stack: str, spec: ServiceSpec) -> str:
    """Name of the volume for exactly this configuration. Pure."""
    content = document({"files": config_files(spec), "uid": spec.security.uid})
    return f"{stack}-{spec.name}-config-{hashlib.sha256(content.encode()).hexdigest()[:12]}"


def config_labels(stack: str, spec: ServiceSpec) -> dict[str, str]:
    """By which the configuration volumes of a service are found again. Pure."""
    return labels(stack, spec.name, role="config")


def source_volume(stack: str, service: str, source: Source) -> str:
    """Name of the volume for exactly this content of a directory. Pure."""
    return f"{stack}-{service}-source-{source.digest}"


def mounts(stack: str, spec: ServiceSpec) -> dict[str, tuple[str, bool]]:
    """Volume name to (path in the container, read-only). Pure."""
    found = {f"{stack}-{v.of or spec.name}-{v.name}": (v.path, False) for v in spec.volumes}
    if config_files(spec):
        found[config_volume(stack, spec)] = (PLACES.config, True)
    if spec.source:
        found[source_volume(stack, spec.name, spec.source)] = (spec.source.path, True)
    if spec.secrets:
        found[f"{stack}-{spec.name}-secrets"] = (PLACES.secrets, True)
    return found


def source_document(stack: str, spec: ServiceSpec, source: Source) -> dict[str, Any]:
    """The volume with a directory of the owner's; earlier ones go with earlier configurations."""
    return {
        **asdict(source),
        "volume": source_volume(stack, spec.name, source),
        "owner": labels(stack, spec.name),
        "labels": config_labels(stack, spec),
        "uid": spec.security.uid,
    }


def secrets_document(stack: str, spec: ServiceSpec, contents: Mapping[str, str]) -> dict[str, Any]:
    """The volume of a service's secret files. ``contents`` are the texts by path."""
    return {
        "volume": f"{stack}-{spec.name}-secrets",
        "owner": labels(stack, spec.name),
        "uid": spec.security.uid,
        "files": [
            {"path": path.removeprefix(f"{PLACES.secrets}/"), "content": content, "mode": "0400"}
            for path, content in sorted(contents.items())
        ],
    }


def check_document(stack: str, spec: ServiceSpec, security: Sequence[str]) -> dict[str, Any]:
    """The throw-away container that reads a new configuration, as closed as the service's own."""
    return {
        "argv": list(spec.check),
        "networks": [f"{stack}-{network}" for network in spec.networks],
        "mounts": {name: path for name, (path, _) in mounts(stack, spec).items()},
        "env": dict(spec.process.env),
        "tmpfs": tmpfs(spec),
        "user": spec.security.uid,
        "hosts": extra_hosts(spec),
        "security": list(security),
    }


def gate(stack: str, spec: ServiceSpec) -> dict[str, Any]:
    """What ``host ready`` waits for, and then runs. Pure."""
    return {
        "container": f"{stack}-{spec.name}",
        "service": spec.name,
        "health": {**asdict(spec.health), "test": health_test(spec)},
        "prune": {"stack": stack, "keep": config_volume(stack, spec)},
        "tasks": [{**asdict(task), "argv": in_image(spec, task.argv)} for task in spec.tasks],
    }
