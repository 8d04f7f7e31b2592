"""The peer: `docker compose` with the same containers, written from the same plan."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.measure import finished
from benchmarks.stacks import STACK
from components.config import load_stack_config
from components.plan import DeploymentPlan, build_plan
from components.runtimes import runtime_for
from components.runtimes.docker_arguments import PLACES, health_test, tmpfs
from components.secrets import fill
from components.spec import ServiceSpec
from host.facts import measure
from host.packages import gobuild
from host.packages.request import Unavailable
from tests.support.ports import free_port

_PROJECT = f"{STACK}-compose"
_OUTSIDE = ("frontend", "egress")


def program() -> Path:
    """The `docker compose` pinned in `toolchain/compose`, built when it is not there yet.

    Raises ``host.packages.request.Unavailable``.
    """
    return next(gobuild.kept(gobuild.module("compose")).iterdir())


def version() -> str:
    """The pinned version; "none" on a machine that cannot build it."""
    try:
        return gobuild.module("compose").version
    except Unavailable:
        return "none"


def plan_of(config: Mapping[str, Any]) -> DeploymentPlan:
    """What Hearth would run."""
    loaded = load_stack_config(config)
    facts = measure([], STACK, loaded.data)
    return build_plan(loaded, facts, runtime_for(loaded, facts, STACK), STACK)


class Compose:
    """One compose project; each verb answers the seconds it took."""

    def __init__(self, directory: Path, config: Mapping[str, Any]) -> None:
        self._directory, self._program = directory, str(program())
        directory.mkdir()
        plan = plan_of(_with_port(config, free_port()))
        self._owners = {
            directory / f"{spec.name}-{volume.name}": spec.security.uid
            for spec in plan.services
            for volume in spec.volumes
        }
        (directory / "compose.json").write_text(json.dumps(self._written(plan), indent=1))
        self.purge()

    def _run(self, *words: str) -> float:
        argv = [self._program, "-p", _PROJECT, "-f", "compose.json", *words]
        return finished(argv, self._directory, os.environ)[0]

    def preview(self) -> float:
        """A dry run."""
        return self._run("--dry-run", "up", "--detach")

    def up(self) -> float:
        """Make it so, and wait until everything is healthy."""
        return self._run("up", "--detach", "--wait")

    def destroy(self) -> float:
        """Remove what runs."""
        return self._run("down")

    def purge(self) -> None:
        """Delete the data too; directories for it are there before the next `up`, as owned as needed."""
        self._run("down", "--volumes")
        for path, owner in self._owners.items():
            shutil.rmtree(path, ignore_errors=True)
            path.mkdir(mode=0o700)
            os.chown(path, owner, owner)

    def _written(self, plan: DeploymentPlan) -> dict[str, Any]:
        return {
            "services": {spec.name: self._service(spec) for spec in plan.services},
            "networks": {name: {"internal": name not in _OUTSIDE} for name in plan.networks},
            "volumes": {
                path.name: {
                    "driver": "local", "driver_opts": {"type": "none", "o": "bind", "device": str(path)},
                }
                for path in self._owners
            },
        }  # fmt: skip

    def _service(self, spec: ServiceSpec) -> dict[str, Any]:
        resources, health, uid = spec.resources, spec.health, spec.security.uid
        argv = [word.replace("$", "$$") for word in spec.process.argv]
        optional = {
            "cpus": resources.cpus,
            "shm_size": resources.shm,
            "ports": [f"{p.address}:{p.number}:{p.number}" for p in spec.ports if p.publish],
            "depends_on": {name: {"condition": "service_healthy"} for name in spec.needs},
        }
        return {
            "image": spec.image.reference,
            "pull_policy": "never",
            "hostname": spec.name,
            "entrypoint": argv[:1],
            "command": argv[1:],
            "environment": {key: value.replace("$", "$$") for key, value in spec.process.env.items()},
            "user": f"{uid}:{uid}",
            "read_only": spec.security.read_only_root,
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges:true"],
            "tmpfs": [f"{path}:{options}" for path, options in tmpfs(spec).items()],
            "mem_limit": resources.memory,
            "memswap_limit": resources.memory,
            "mem_reservation": resources.reservation or resources.memory // 2,
            "restart": "unless-stopped",
            "stop_signal": spec.process.stop_signal,
            "stop_grace_period": f"{spec.process.stop_seconds}s",
            "logging": {"driver": "json-file", "options": {"max-size": "10m", "max-file": "3"}},
            "healthcheck": {
                "test": [word.replace("$", "$$") for word in health_test(health)],
                "interval": f"{health.interval}s",
                "timeout": f"{health.timeout}s",
                "retries": health.retries,
                "start_period": f"{health.start_period}s",
            },
            "networks": {name: {"aliases": [spec.name]} for name in spec.networks},
            "volumes": [
                *(f"{spec.name}-{volume.name}:{volume.path}" for volume in spec.volumes),
                *self._binds(spec),
            ],
            **{key: value for key, value in optional.items() if value},
        }

    def _binds(self, spec: ServiceSpec) -> list[str]:
        """Configuration and secrets as files of the host, written beforehand and mounted read-only."""
        below = set()
        for file in spec.files:
            place = PLACES.secrets if file.secrets else PLACES.config
            path = self._directory / f"{spec.name}-{Path(place).name}" / file.path.removeprefix(f"{place}/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(fill(file.content, {key: f"benchmark-{key}" for key in file.secrets}))
            path.chmod(0o500 if file.executable else 0o400)
            for owned in (path, path.parent):
                os.chown(owned, spec.security.uid, spec.security.uid)
            below.add(f"{self._directory / f'{spec.name}-{Path(place).name}'}:{place}:ro")
        return sorted(below)


def _with_port(config: Mapping[str, Any], port: int) -> dict[str, Any]:
    """The same stack with a front door of its own."""
    services = {**config["services"], "nginx": {**config["services"]["nginx"], "port": port}}
    return {**config, "services": services}
