"""Docker: one container a service, on private networks, with the kernel's limits.

Configuration travels in a volume named by its content, secrets in one that only the service's
user may read; so nothing of them is in the container's own description, a changed configuration
is checked in a throw-away container before the old one stops, and the daemon may be elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_docker as docker

from components.commands import call, command, document
from components.config import StackConfig
from components.context import Endpoint, Figures, Logs, Places, Processes
from components.errors import Problem
from components.facts import HostFacts
from components.runtimes import confinement
from components.runtimes.base import FIGURES, PAGE, Capability, Stack
from components.runtimes.docker_arguments import (
    NO_NEW_PRIVILEGES,
    PLACES,
    container_arguments,
    label_list,
    labels,
)
from components.runtimes.docker_volumes import (
    check_document,
    config_files,
    config_labels,
    config_volume,
    gate,
    mounts,
    secrets_document,
    source_document,
)
from components.secrets import SecretStore
from components.spec import HostMount, ServiceSpec

# The others lead nowhere but to the services on them.
_OUTSIDE = frozenset({"frontend", "egress"})
# Where a daemon with its data in the usual place has them.
_LOGS = HostMount(source="/var/lib/docker/containers", path="/host/containers")
_PROC = HostMount(source="/proc", path="/host/proc")


class DockerRuntime:
    """Runs every service as a container."""

    name = "docker"
    scope = "user"
    capabilities = frozenset(Capability) - {Capability.PROCESS_LIMIT}
    watched: frozenset[Capability] = frozenset()
    remarks: tuple[str, ...] = ()
    listen = "0.0.0.0"
    # Docker's own DNS server on every user-defined network.
    resolver: str | None = "127.0.0.11"
    containers = True
    # Whose container is whose only the daemon says, and through its socket to whoever may do anything.
    engine = (
        HostMount(source="/sys", path="/sys"),
        HostMount(source="/var/lib/docker", path="/var/lib/docker"),
        HostMount(source="/var/run/docker.sock", path="/var/run/docker.sock"),
    )
    plain_containers = True

    def __init__(self, stack: Stack, *, security_options: Sequence[str] = (), gpus: bool = False) -> None:
        self.stack = stack
        self._security = [NO_NEW_PRIVILEGES, *security_options]
        self._gpus = gpus
        self._networks: dict[str, docker.Network] = {}

    def places(self, service: str) -> Places:
        """The same in every container."""
        return PLACES

    def endpoint(self, service: str, port: int) -> Endpoint:
        """The service's name on the networks it shares."""
        return Endpoint(service, port)

    @property
    def logs(self) -> Logs:
        """The files of the daemon, not its socket: whoever may ask the daemon may do anything."""
        return Logs(containers=f"{_LOGS.path}/*/*-json.log", mounts=(_LOGS,))

    @property
    def page(self) -> Figures:
        """Below the stack's root on the daemon's machine."""
        mount = HostMount(source=f"{self.stack.root}/{PAGE}", path="/host/page")
        return Figures(directory=mount.path, mounts=(mount,))

    @property
    def figures(self) -> Figures:
        """Below the stack's root on the daemon's machine."""
        mount = HostMount(source=f"{self.stack.root}/{FIGURES}", path="/host/metrics")
        return Figures(directory=mount.path, mounts=(mount,))

    @property
    def processes(self) -> Processes:
        """By their names: command lines in containers do not tell the stack."""
        return Processes(proc=_PROC.path, mounts=(_PROC,))

    def data(self, service: str, volume: str = "data") -> tuple[str, str]:
        """Its volume."""
        return "--volume", f"{self.stack.name}-{service}-{volume}"

    def refusals(self, config: StackConfig, facts: HostFacts, specs: Sequence[ServiceSpec]) -> list[Problem]:
        """A profile of system calls that is none."""
        return confinement.problems(config.docker, facts.text)

    def prepare(self, parent: pulumi.Resource, networks: Sequence[str]) -> list[pulumi.Resource]:
        """One bridge a network; internal unless it is there to reach, or be reached from, outside."""
        for name in networks:
            self._networks[name] = self._network(name, internal=name not in _OUTSIDE, parent=parent)
        return []

    def _network(self, name: str, *, internal: bool, parent: pulumi.Resource) -> docker.Network:
        return docker.Network(
            f"network-{name}",
            name=f"{self.stack.name}-{name}",
            driver="bridge",
            internal=internal,
            labels=label_list(docker.NetworkLabelArgs, labels(self.stack.name)),
            opts=pulumi.ResourceOptions(parent=parent),
        )

    def _image(self, spec: ServiceSpec, parent: pulumi.Resource) -> docker.RemoteImage:
        assert spec.image is not None
        return docker.RemoteImage(
            f"{spec.name}-image",
            name=spec.image.reference,
            keep_locally=True,
            opts=pulumi.ResourceOptions(parent=parent),
        )

    def _checks(self, spec: ServiceSpec) -> bool:
        """Whether a new configuration can be checked before the old one stops."""
        return bool(spec.check)

    def _volume(
        self,
        spec: ServiceSpec,
        role: str,
        name: str,
        parent: pulumi.Resource,
        keep: bool = False,
        after: Sequence[pulumi.Resource] = (),
    ) -> docker.Volume:
        return docker.Volume(
            f"{spec.name}-{role}",
            name=name,
            labels=label_list(docker.VolumeLabelArgs, labels(self.stack.name, spec.name)),
            opts=pulumi.ResourceOptions(
                parent=parent,
                retain_on_delete=keep,
                # A replaced volume would be an empty one: whatever differs, data stays.
                ignore_changes=["labels", "driver", "driverOpts"] if keep else None,
                depends_on=list(after),
            ),
        )

    def _secrets(
        self,
        spec: ServiceSpec,
        image: docker.RemoteImage,
        parent: pulumi.Resource,
        secrets: SecretStore,
        after: Sequence[pulumi.Resource],
    ) -> tuple[list[pulumi.Resource], pulumi.Output[str] | None]:
        """The volume with the files made with secrets, and a text that changes when they do."""
        files = [file for file in spec.files if file.secrets]
        if not files:
            return [], None
        name = f"{self.stack.name}-{spec.name}-secrets"
        volume = self._volume(spec, "secrets-volume", name, parent)

        def text(resolved: Mapping[str, Any]) -> str:
            values = secrets_document(self.stack.name, spec, resolved["contents"])
            return document({**values, "image": resolved["image"]})

        delivered = command(
            f"{spec.name}-secrets",
            parent=parent,
            create=call("volume-files"),
            stdin=pulumi.Output.all(image=image.name, contents=secrets.contents(files)).apply(text),
            # What a neighbour does not accept yet is in no file that a start may read.
            after=[volume, image, *after],
            secret=True,
        )
        return [volume, delivered], pulumi.Output.unsecret(delivered.stdout).apply(str.strip)

    def _source(
        self, spec: ServiceSpec, image: docker.RemoteImage, parent: pulumi.Resource
    ) -> list[pulumi.Resource]:
        """The volume with the owner's directory; earlier ones go with earlier configurations."""
        if spec.source is None:
            return []
        values = source_document(self.stack.name, spec, spec.source)
        return [
            command(
                f"{spec.name}-source",
                parent=parent,
                create=call("source-volume"),
                delete=call("volume-prune", self.stack.name, spec.name),
                stdin=image.name.apply(lambda name: document({**values, "image": name})),
                after=[image],
            )
        ]

    def _files(
        self,
        spec: ServiceSpec,
        image: docker.RemoteImage,
        parent: pulumi.Resource,
        after: Sequence[pulumi.Resource],
        keys: Sequence[pulumi.Resource] = (),
    ) -> list[pulumi.Resource]:
        """Volumes for data and configuration; the check that lets a configuration through."""
        stack = self.stack.name
        owned = [
            self._volume(
                spec, volume.name, f"{stack}-{spec.name}-{volume.name}", parent, keep=True, after=keys
            )
            for volume in spec.volumes
            if volume.of is None
        ]
        files = config_files(spec)
        if not files and not owned:
            return []
        values = {
            "volume": config_volume(stack, spec) if files else None,
            "owner": labels(stack, spec.name),
            # No resource of its own: a configuration that comes back before its volume was deleted
            # would be deleted under the container that uses it again.
            "labels": config_labels(stack, spec),
            "uid": spec.security.uid,
            "files": files,
            "owned": [
                {"volume": f"{stack}-{spec.name}-{volume.name}"}
                for volume in spec.volumes
                if volume.of is None
            ],
            "check": check_document(stack, spec, self._security) if self._checks(spec) else None,
        }
        written = command(
            f"{spec.name}-files",
            parent=parent,
            create=call("volume-files"),
            delete=call("volume-prune", stack, spec.name),
            stdin=image.name.apply(lambda name: document({**values, "image": name})),
            after=[image, *owned, *self._networks.values(), *after],
        )
        return [*owned, written]

    def realise(
        self,
        spec: ServiceSpec,
        parent: pulumi.Resource,
        secrets: SecretStore,
        after: Sequence[pulumi.Resource],
    ) -> pulumi.Resource:
        """Image, volumes, container, and the gate that opens once the service answers."""
        image = self._image(spec, parent)
        delivered, generation = self._secrets(spec, image, parent, secrets, after)
        delivered += self._source(spec, image, parent)
        # A key that is made after its data's volume would be taken for a lost one.
        keys = [secrets.made(ref) for ref in spec.secrets if ref.guards]
        written = self._files(spec, image, parent, [*after, *delivered], keys)
        container = docker.Container(
            f"{spec.name}-container",
            **container_arguments(
                spec,
                self.stack.name,
                image,
                self._networks,
                mounts(self.stack.name, spec),
                None if spec.live_secrets else generation,
            ),
            security_opts=self._security,
            # All of them: the provider knows no other value.
            gpus="all" if self._gpus and spec.resources.gpu_memory else None,
            opts=pulumi.ResourceOptions(
                parent=parent,
                depends_on=[*after, *delivered, *written],
                delete_before_replace=True,
                # The provider takes no notice of a changed health check by itself.
                replace_on_changes=["healthcheck", "tmpfs"],
            ),
        )
        return command(
            # Not the name that native runtimes use: a stack that leaves them has their command deleted,
            # which stops the process, where one of the same name would only be updated.
            f"{spec.name}-ready",
            parent=parent,
            create=call("ready"),
            stdin=document(gate(self.stack.name, spec)),
            # A new container is a new start, so the gate asks again; as it does for secrets that tasks take.
            generation=pulumi.Output.concat(container.id, "-", generation)
            if spec.live_secrets and generation is not None
            else container.id,
            after=[container],
        )
