"""What differs between a stack's state and this machine, and putting it right."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from host.containers.client import daemon
from host.drift import Finding
from ops import containers, engine, host_commands
from ops.engine import Resource
from ops.host_commands import HostCommand

_VERBS = ("apply", "secret-files", "source")
_DOCKER = (containers.CONTAINER, containers.SERVICE, containers.VOLUME)


def inspect(stack: str) -> list[Finding]:
    """Every difference, in the order in which services start."""
    resources = engine.resources(stack, secrets=True)
    if not resources:
        raise engine.not_deployed(stack)
    commands = host_commands.found_in(resources, _VERBS)
    found = [finding for command in commands for finding in host_commands.differences(command)]
    if _uses_docker(resources):
        with daemon() as client:
            found += [finding for _, finding in containers.differences(client, resources)]
    return found


def _uses_docker(resources: Sequence[Resource]) -> bool:
    return any(resource.type in _DOCKER for resource in resources)


def repair(stack: str, progress: Callable[[str], None]) -> None:
    """Make this machine what the state says, changing nothing else."""
    resources = engine.resources(stack, secrets=True)
    _apply_again(host_commands.found_in(resources, _VERBS), progress)
    if _uses_docker(resources) and not _mended(resources, progress):
        progress("pulumi: making again what Docker has not, or has otherwise")
        engine.redeploy(stack)


def _apply_again(commands: Sequence[HostCommand], progress: Callable[[str], None]) -> None:
    """Run what differs again, and restart a service whose secrets were other ones until now."""
    generations: dict[str, str] = {}
    for stored in commands:
        command = stored
        if stored.verb == "apply" and stored.service in generations:
            command = host_commands.after_secrets(stored, generations[stored.service])
        if command != stored or host_commands.differences(command):
            progress(f"{command.name}: applied again")
            result = host_commands.repeat(command)
            if command.verb == "secret-files":
                generations[command.service] = result


def _mended(resources: Sequence[Resource], progress: Callable[[str], None]) -> bool:
    """Repair what the daemon alone can; ``False`` when something is left for Pulumi."""
    with daemon() as client:
        found = containers.differences(client, resources)
        lost = [resource for resource, _ in found if resource.type == containers.VOLUME]
        # Volumes first: a container must not start on an empty one.
        for volume in lost:
            progress(f"{volume.inputs['name']}: made again, empty")
            containers.recreate(client, volume)
        for command in host_commands.found_in(resources, ("volume-files",)):
            if command.service in {containers.service(volume) for volume in lost}:
                progress(f"{command.name}: delivered again")
                host_commands.repeat(command)
        rest = [(resource, finding) for resource, finding in found if resource not in lost]
        mended = [containers.mend(client, resource, finding.problem) for resource, finding in rest]
    return all(mended)
