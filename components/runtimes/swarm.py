"""Docker Swarm: one service of a swarm a service of the stack, with secrets that Swarm keeps.

The swarm is one machine: data and configuration lie in its volumes. What Swarm cannot be told is among
the capabilities that it lacks, or refused.

Reference: https://www.pulumi.com/registry/packages/docker/api-docs/service/
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pulumi
import pulumi_docker as docker

from components.commands import call, command, document
from components.config import DockerSettings, StackConfig
from components.errors import Problem
from components.external import GATEWAY
from components.facts import HostFacts
from components.runtimes.base import Capability
from components.runtimes.docker import DockerRuntime
from components.runtimes.docker_arguments import (
    LOG_DRIVER,
    LOG_OPTIONS,
    PLACES,
    aliases,
    command_line,
    go_duration,
    health_test,
    in_image,
    label_list,
    labels,
)
from components.runtimes.docker_volumes import config_volume, mounts
from components.secrets import SecretStore
from components.spec import Port, ServiceSpec

_SCRATCH_BYTES = 64 * 1024**2


class SwarmRuntime(DockerRuntime):
    """Runs every service as one task of a swarm."""

    name = "swarm"
    capabilities = frozenset({Capability.MEMORY_LIMIT, Capability.CPU_LIMIT, Capability.NETWORKS})
    # No GPUs, no address to publish on, none of the host's names, no security profiles.
    plain_containers = False

    def refusals(self, config: StackConfig, facts: HostFacts, specs: Sequence[ServiceSpec]) -> list[Problem]:
        """A daemon that manages no swarm of one node; what services of a swarm cannot be told."""
        found = []
        nodes = facts.swarm_nodes()
        if nodes != 1:
            has = f"{nodes} nodes" if nodes else "no swarm"
            found.append(
                Problem(
                    "hearth:runtime",
                    f"swarm needs a daemon that manages a swarm of one node, and there is {has}; "
                    "run `docker swarm init --advertise-addr 127.0.0.1`, or write docker",
                )
            )
        if config.docker != DockerSettings():
            found.append(Problem("hearth:docker", "is for runtime docker; Swarm takes no such profiles"))
        for spec in specs:
            path = f"hearth:services.{spec.name}"
            if GATEWAY in spec.outside:
                found.append(Problem(path, f"Swarm cannot tell it {GATEWAY}; write an address of this host"))
            if spec.backup and spec.backup.archive:
                found.append(
                    Problem(
                        f"{path}.point-in-time",
                        "is not done under swarm: what reads the archive while the service is stopped gets "
                        "no secrets of a swarm; remove it (hearth:backup works), or write runtime docker",
                    )
                )
            found += [
                Problem(
                    path,
                    f"Swarm publishes port {port.number} on every address of the host, not on "
                    f"{port.address}; write address: 0.0.0.0 if that is wanted, or publish: false",
                )
                for port in spec.ports
                if port.publish and port.address != "0.0.0.0"
            ]
        return found

    def _network(self, name: str, *, internal: bool, parent: pulumi.Resource) -> docker.Network:
        """An overlay; attachable, so that a configuration can be checked from a container on it."""
        return docker.Network(
            f"network-{name}",
            name=f"{self.stack.name}-{name}",
            driver="overlay",
            attachable=True,
            internal=internal,
            labels=label_list(docker.NetworkLabelArgs, labels(self.stack.name)),
            opts=pulumi.ResourceOptions(parent=parent),
        )

    def _checks(self, spec: ServiceSpec) -> bool:
        """A throw-away container gets no secrets of a swarm; Swarm rolls a failed start back instead."""
        return bool(spec.check) and not spec.secrets

    def _swarm_secrets(
        self, spec: ServiceSpec, parent: pulumi.Resource, secrets: SecretStore
    ) -> dict[str, docker.Secret]:
        """Path in the container to the secret that becomes a file there."""
        files = [file for file in spec.files if file.secrets]
        contents = secrets.contents(files)
        return {
            file.path: docker.Secret(
                # Named after it, with a random end: another content is another secret, made before the
                # service leaves the old one.
                f"{spec.name}-secret-{file.path.rpartition('/')[2]}",
                data=contents.apply(lambda texts, path=file.path: _encoded(texts[path])),
                labels=label_list(docker.SecretLabelArgs, labels(self.stack.name, spec.name)),
                opts=pulumi.ResourceOptions(parent=parent, additional_secret_outputs=["data"]),
            )
            for file in files
        }

    def realise(
        self,
        spec: ServiceSpec,
        parent: pulumi.Resource,
        secrets: SecretStore,
        after: Sequence[pulumi.Resource],
    ) -> pulumi.Resource:
        """Image, volumes, secrets, service, and the gate that opens once its task answers."""
        image = self._image(spec, parent)
        delivered = self._swarm_secrets(spec, parent, secrets)
        # A key that is made after its data's volume would be taken for a lost one.
        keys = [secrets.made(ref) for ref in spec.secrets if ref.guards]
        copied = self._source(spec, image, parent)
        written = copied + self._files(spec, image, parent, [*after, *copied], keys)
        name = f"{self.stack.name}-{spec.name}"
        service = docker.Service(
            f"{spec.name}-service",
            name=name,
            labels=label_list(docker.ServiceLabelArgs, labels(self.stack.name, spec.name)),
            task_spec=self._task(spec, image, delivered),
            mode=docker.ServiceModeArgs(replicated=docker.ServiceModeReplicatedArgs(replicas=1)),
            # Two at once would write the same data.
            update_config=docker.ServiceUpdateConfigArgs(order="stop-first", failure_action="rollback"),
            rollback_config=docker.ServiceRollbackConfigArgs(order="stop-first"),
            endpoint_spec=docker.ServiceEndpointSpecArgs(
                # Names lead to the task itself.
                mode="dnsrr",
                ports=[_published(port) for port in spec.ports if port.publish],
            ),
            opts=pulumi.ResourceOptions(parent=parent, depends_on=[*after, *written]),
        )
        known = document(asdict(spec))
        identities = [service.id, image.image_id, *(secret.id for secret in delivered.values())]
        return command(
            f"{spec.name}-ready",
            parent=parent,
            create=call("ready"),
            stdin=document(
                {
                    "swarm": name,
                    "container": name,
                    "service": spec.name,
                    "health": asdict(spec.health),
                    "prune": {"stack": self.stack.name, "keep": config_volume(self.stack.name, spec)},
                    "tasks": [{**asdict(task), "argv": in_image(spec, task.argv)} for task in spec.tasks],
                }
            ),
            # A service keeps its number: whatever gives it another task asks the gate again.
            generation=pulumi.Output.all(*identities).apply(
                lambda found: hashlib.sha256(json.dumps([known, *found]).encode()).hexdigest()[:16]
            ),
            after=[service],
        )

    def _task(
        self, spec: ServiceSpec, image: docker.RemoteImage, delivered: Mapping[str, docker.Secret]
    ) -> docker.ServiceTaskSpecArgs:
        resources = spec.resources
        return docker.ServiceTaskSpecArgs(
            container_spec=docker.ServiceTaskSpecContainerSpecArgs(**self._container(spec, image, delivered)),
            resources=docker.ServiceTaskSpecResourcesArgs(
                limits=docker.ServiceTaskSpecResourcesLimitsArgs(
                    memory_bytes=resources.memory,
                    nano_cpus=round(resources.cpus * 10**9) if resources.cpus is not None else None,
                ),
                reservation=docker.ServiceTaskSpecResourcesReservationArgs(
                    memory_bytes=resources.reservation or resources.memory // 2
                ),
            ),
            restart_policy=docker.ServiceTaskSpecRestartPolicyArgs(condition="any", delay="1s"),
            networks_advanceds=[
                docker.ServiceTaskSpecNetworksAdvancedArgs(
                    id=self._networks[network].id, aliases=aliases(spec)
                )
                for network in sorted(spec.networks)
            ],
            log_driver=docker.ServiceTaskSpecLogDriverArgs(name=LOG_DRIVER, options=LOG_OPTIONS),
        )

    def _container(
        self, spec: ServiceSpec, image: docker.RemoteImage, delivered: Mapping[str, docker.Secret]
    ) -> dict[str, Any]:
        words, test = command_line(spec), health_test(spec)
        uid = str(spec.security.uid)
        return {
            # By its content: Swarm asks no registry for that.
            "image": image.image_id,
            "labels": label_list(
                docker.ServiceTaskSpecContainerSpecLabelArgs, labels(self.stack.name, spec.name)
            ),
            "hostname": spec.name,
            "commands": words[:1] or None,
            "args": words[1:] or None,
            "env": dict(spec.process.env) or None,
            "user": f"{uid}:{uid}",
            "read_only": spec.security.read_only_root,
            "cap_drops": ["ALL"],
            "cap_adds": [f"CAP_{name}" for name in spec.security.capabilities],
            "mounts": [*self._volumes(spec), *_scratch(spec), *_of_the_host(spec)],
            "secrets": [
                docker.ServiceTaskSpecContainerSpecSecretArgs(
                    secret_id=secret.id,
                    secret_name=secret.name,
                    file_name=path,
                    file_uid=uid,
                    file_gid=uid,
                    file_mode=0o400,
                )
                for path, secret in delivered.items()
            ],
            "stop_signal": spec.process.stop_signal,
            "stop_grace_period": go_duration(spec.process.stop_seconds),
            "healthcheck": docker.ServiceTaskSpecContainerSpecHealthcheckArgs(
                tests=test,
                interval=go_duration(spec.health.interval),
                timeout=go_duration(spec.health.timeout),
                retries=spec.health.retries,
                start_period=go_duration(spec.health.start_period),
            )
            if test
            else None,
        }

    def _volumes(self, spec: ServiceSpec) -> list[docker.ServiceTaskSpecContainerSpecMountArgs]:
        found = mounts(self.stack.name, spec)
        return [
            docker.ServiceTaskSpecContainerSpecMountArgs(
                type="volume", source=name, target=path, read_only=read_only
            )
            for name, (path, read_only) in sorted(found.items(), key=lambda item: item[1])
            if path != PLACES.secrets
        ]


def _scratch(spec: ServiceSpec) -> list[docker.ServiceTaskSpecContainerSpecMountArgs]:
    """Writable places of a read-only root. Swarm gives them no owner, so they are everybody's."""
    sizes = dict.fromkeys([PLACES.run, *spec.security.scratch], _SCRATCH_BYTES)
    if spec.resources.shm:
        sizes["/dev/shm"] = spec.resources.shm
    return [
        docker.ServiceTaskSpecContainerSpecMountArgs(
            type="tmpfs",
            target=path,
            tmpfs_options=docker.ServiceTaskSpecContainerSpecMountTmpfsOptionsArgs(
                mode=0o1777, size_bytes=size
            ),
        )
        for path, size in sizes.items()
    ]


def _of_the_host(spec: ServiceSpec) -> list[docker.ServiceTaskSpecContainerSpecMountArgs]:
    return [
        docker.ServiceTaskSpecContainerSpecMountArgs(
            type="bind", source=mount.source, target=mount.path, read_only=True
        )
        for mount in spec.security.host_mounts
    ]


def _published(port: Port) -> docker.ServiceEndpointSpecPortArgs:
    return docker.ServiceEndpointSpecPortArgs(
        name=port.name, target_port=port.number, published_port=port.number, publish_mode="host"
    )


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
