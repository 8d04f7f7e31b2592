"""A second, empty deployment of services: own ports, network, volumes and state, gone at the end."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from components import lock as locks
from components.backup import DIRECTORY
from components.config import load_stack_config
from components.lock import Lock
from components.point_in_time import PointInTime
from components.settings import ServiceSettings
from host import declared, files, notes
from host.containers import client
from host.managers import daemon
from host.remove import remove
from ops import engine, purge, stacks
from ops.backup import own
from ops.backup.capture import Progress
from ops.backup.target import Target
from ops.errors import Failure

_PORT = "port"


@contextlib.contextmanager
def deployed(target: Target, services: Sequence[str], fetched: Path, progress: Progress) -> Iterator[Target]:
    """The services with what they need, empty, with the secrets of the backup; removed after the block.

    It may take as much memory again as the limits of these services allow.
    """
    home = target.root / DIRECTORY / "drill"
    name = f"{target.stack}-drill"
    clear(target)
    files.directory(home, mode=0o755)
    values = reduced(target, services, home / "data")
    config = load_stack_config(values)
    lock = _lock(target, config.services)
    made = replace(target, stack=name, root=home / "data", plan=stacks.planned_from(config, name, lock))
    (made.root / DIRECTORY).mkdir(parents=True)
    if (fetched / own.DIRECTORY / "secrets").is_dir():
        shutil.copytree(fetched / own.DIRECTORY / "secrets", made.root / "secrets")
    try:
        progress(f"{name}: deploying {', '.join(config.services)}, empty")
        _write(home, name, values, lock)
        up = ["up", "--yes", "--skip-preview", "--config-file", str(_config_file(home, name))]
        engine.elsewhere(up, name, _environment(home))
        yield made
    finally:
        progress(f"{name}: removing")
        _remove(home, name, target.containers)


def clear(target: Target) -> None:
    """Remove what a killed run has left running."""
    _remove(target.root / DIRECTORY / "drill", f"{target.stack}-drill", target.containers)


def _lock(target: Target, services: Collection[str]) -> Lock | None:
    """The entries of these services in the stack's own lock."""
    lock = target.lock
    return lock and locks.of({name: entry for name, entry in lock.entries.items() if name in services})


def reduced(target: Target, services: Sequence[str], data: Path) -> dict[str, Any]:
    """The stack's values with other ports and data, and no more services than are needed.

    Nobody backs it up or watches it: it ends soon, and whom alerts go to may not be in it.
    """
    values = target.values
    settings = load_stack_config(values).services
    wanted = with_needs(target, services)
    chosen = {}
    for name in wanted:
        archives = _archives(settings[name])
        given = {key: item for key, item in (values["services"][name] or {}).items() if key not in archives}
        chosen[name] = given | {"publish": False} | _free_ports(settings[name])
    images = {key: image for key, image in values.get("images", {}).items() if key in (*wanted, "prefix")}
    kept = {key: value for key, value in values.items() if key not in ("backup", "health")}
    return {**kept, "data": str(data), "images": images, "services": chosen}


def with_needs(target: Target, services: Sequence[str]) -> list[str]:
    """The services of the stack's file that must run for these to run."""
    needed = list(services)
    for name in needed:
        needed += [other for other in target.plan.service(name).needs if other not in needed]
    # Of several replicas, the one service that the stack's file knows.
    return list(dict.fromkeys(target.plan.service(name).declared for name in needed))


def _free_ports(settings: ServiceSettings) -> dict[str, int]:
    """Each port of the settings, moved to one that nobody listens on."""
    fields = type(settings).model_fields.items()
    keys = [field.alias or name for name, field in fields if name.split("_")[-1] == _PORT]
    with contextlib.ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in keys]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return {key: probe.getsockname()[1] for key, probe in zip(keys, probes, strict=True)}


def _archives(settings: ServiceSettings) -> set[str]:
    """Keys that ask for an archive of changes, which an instance for a while needs not."""
    fields = type(settings).model_fields.items()
    return {field.alias or name for name, field in fields if isinstance(getattr(settings, name), PointInTime)}


def _config_file(home: Path, name: str) -> Path:
    return home / f"Pulumi.{name}.yaml"


def _write(home: Path, name: str, values: Mapping[str, Any], lock: Lock | None) -> None:
    """Make the stack, its state and its file here: nothing of it is written in the checkout."""
    (home / "state").mkdir(mode=0o700)
    files.write(home / "passphrase", secrets.token_urlsafe(32).encode(), mode=0o600)
    shutil.copyfile("Pulumi.yaml", home / "Pulumi.yaml")
    engine.elsewhere(["stack", "init", "--cwd", str(home)], name, _environment(home))
    path = _config_file(home, name)
    # Pulumi has put there what it encrypts with.
    made = yaml.safe_load(path.read_text()) if path.exists() else {}
    document = {**made, "config": {f"hearth:{key}": value for key, value in values.items()}}
    files.write(path, yaml.safe_dump(document).encode(), mode=0o600)
    if lock:
        files.write(home / locks.file_name(name), lock.text().encode(), mode=0o600)


def _environment(home: Path) -> dict[str, str]:
    own_state = {
        "PULUMI_BACKEND_URL": f"file://{home / 'state'}",
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(home / "passphrase"),
        declared.ELSEWHERE: str(home),
    }
    return {key: value for key, value in os.environ.items() if key != "PULUMI_CONFIG_PASSPHRASE"} | own_state


def _remove(home: Path, name: str, containers: bool) -> None:
    """Destroy what the state knows, then every trace; ``home`` stays where that fails, for the next try."""
    if any((home / "state").rglob(f"{name}.json")):
        # A killed run has left its lock.
        with contextlib.suppress(Failure):
            engine.elsewhere(["cancel", "--yes"], name, _environment(home))
        config = ["--config-file", str(_config_file(home, name))]
        engine.elsewhere(["destroy", "--yes", "--skip-preview", *config], name, _environment(home))
    _sweep_containers(name) if containers else _sweep_processes(home / "data")
    # First: as long as there is a state, the next try needs everything else.
    for path in (home / "state", home):
        if path.is_dir():
            purge.delete_directory(path)


def _sweep_processes(root: Path) -> None:
    """Stop what was started and is in no state, for the run was killed in between."""
    for path in root.glob("*/appl*.json"):
        known = notes.read(path.parent)
        document = known.applied or known.unfinished
        if document:
            remove(root, document.runtime, document.service, document.scope)
    daemon.stop(root, everything=True)


def _sweep_containers(name: str) -> None:
    """Likewise; and the volumes, which outlive a stack on purpose."""
    label = {"label": f"hearth.stack={name}"}
    with client.daemon() as docker:
        if docker.info()["Swarm"]["ControlAvailable"]:
            # What is left of their tasks goes with the containers.
            for made in (*docker.services.list(filters=label), *docker.secrets.list(filters=label)):
                made.remove()
        for container in docker.containers.list(all=True, filters=label, ignore_removed=True):
            client.remove(container)
        for thing in (*docker.networks.list(filters=label), *docker.volumes.list(filters=label)):
            thing.remove()
