"""Stacks to measure: Hearth's own in a copy of the project, and an empty Pulumi program beside it.

`pulumi` is called directly, in the environment that `toolchain` would give it.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import docker
import yaml

from benchmarks.measure import finished
from tests.e2e.image import POSTGRES, image
from tests.e2e.workbench import PROJECT, Workbench
from tests.support.ports import free_port
from toolchain import environment, places

STACK = "benchmark"
EMPTY = '"""Nothing."""\n\nimport pulumi\n'


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A directory that service accounts may enter; removed with every container and volume of ours."""
    path = Path(tempfile.mkdtemp(prefix="hearth-bench-", dir="/var/tmp"))
    path.chmod(0o755)
    sweep()
    try:
        yield path
    finally:
        sweep()
        shutil.rmtree(path, ignore_errors=True)


def sweep() -> None:
    """Remove containers, networks and volumes that a benchmark left behind."""
    client = docker.from_env()
    ours = {"label": f"hearth.stack={STACK}"}
    for container in client.containers.list(all=True, filters=ours, ignore_removed=True):
        container.remove(force=True)
    for network in client.networks.list(filters=ours):
        network.remove()
    for volume in client.volumes.list(filters=ours):
        volume.remove()


def dev_config(directory: Path) -> dict[str, Any]:
    """The `dev` stack, with what this machine has to differ in: images, port, no models to fetch."""
    written = yaml.safe_load((PROJECT / "Pulumi.dev.yaml").read_text())["config"]
    config: dict[str, Any] = {key.removeprefix("hearth:"): value for key, value in written.items()}
    config["services"]["ollama"]["models"] = []
    config["services"]["postgres"]["version"] = POSTGRES
    config["services"]["nginx"]["port"] = free_port()
    config["images"] = {service: image() for service in config["services"]}
    config["data"] = str(directory / "data")
    return config


class Project:
    """A Pulumi project with one stack, and its four verbs; each answers the seconds it took."""

    def __init__(self, directory: Path, variables: Mapping[str, str], data: Path | None = None) -> None:
        self.directory, self._data = directory, data
        given = dict(variables)
        self.environment = {**given, **environment.additions(places.of(given, project=directory), given)}

    def pulumi(self, *words: str) -> tuple[float, str]:
        """Run `pulumi` on the stack."""
        program = shutil.which("pulumi", path=self.environment["PATH"]) or "pulumi"
        argv = [program, *words, "--stack", STACK, "--non-interactive"]
        return finished(argv, self.directory, self.environment)

    def preview(self) -> float:
        """What would change."""
        return self.pulumi("preview")[0]

    def up(self) -> float:
        """Make it so."""
        return self.pulumi("up", "--yes", "--skip-preview")[0]

    def destroy(self) -> float:
        """Remove what runs."""
        return self.pulumi("destroy", "--yes", "--skip-preview")[0]

    def purge(self) -> None:
        """Delete the data too, so that the next `up` is a first one."""
        sweep()
        if self._data:
            shutil.rmtree(self._data, ignore_errors=True)


def hearth(directory: Path, config: Mapping[str, Any]) -> Project:
    """A stack of Hearth in a copy of the project."""
    workbench = Workbench(directory, STACK, config)
    return Project(directory, workbench.environment, workbench.root)


def empty(directory: Path, like: Project) -> Project:
    """A Pulumi program that declares nothing, in the same environment."""
    directory.mkdir()
    shutil.copytree(like.directory / "toolchain", directory / "toolchain", symlinks=True)
    shutil.copy(like.directory / "requirements.txt", directory)
    (directory / ".venv").symlink_to(PROJECT / ".venv")
    (directory / "state").mkdir()
    shutil.copy(like.directory / "Pulumi.yaml", directory)
    (directory / "__main__.py").write_text(EMPTY)
    variables = {**like.environment, "PULUMI_BACKEND_URL": f"file://{directory}/state"}
    made = Project(directory, variables)
    made.pulumi("stack", "init")
    return made
