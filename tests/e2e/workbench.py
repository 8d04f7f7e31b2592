"""A copy of the project with a stack of its own, driven by the real Pulumi engine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import yaml

from components.config import CONTAINERS

PROJECT = Path(__file__).parents[2]
_COPIED = (
    "components",
    "examples",
    "host",
    "ops",
    "templates",
    "toolchain",
    "Makefile",
    "__main__.py",
    "hearth",
    "Pulumi.yaml",
    "requirements.txt",
    "requirements-dev.txt",
)
PASSPHRASE = "only for tests"


@dataclass(frozen=True)
class Finished:
    """What a command left: its exit status and everything it printed."""

    status: int
    text: str


def copy_project(directory: Path) -> None:
    """A checkout without stacks, with the programs of this one."""
    directory.mkdir(parents=True)
    for name in _COPIED:
        source = PROJECT / name
        if source.is_dir():
            shutil.copytree(source, directory / name, symlinks=True)
        else:
            shutil.copy(source, directory / name)
    (directory / ".venv").symlink_to(PROJECT / ".venv")


class Workbench:
    """One stack in one directory; nothing of it touches the checkout or the user's own Pulumi.

    ``within`` is a command that runs those of the stack elsewhere, ``environment`` what they see there.
    """

    def __init__(
        self,
        directory: Path,
        stack: str,
        config: Mapping[str, Any],
        *,
        within: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.directory = directory
        self.stack = stack
        self.root = Path(config["data"])
        self.containers = config["runtime"] in CONTAINERS
        copy_project(directory)
        (directory / "state").mkdir()
        self.within = tuple(within)
        self.environment = {
            **(environment or os.environ),
            "PULUMI_BACKEND_URL": f"file://{directory}/state",
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
        }
        self.configure(config)
        self.pulumi("stack", "init", stack)

    def configure(self, config: Mapping[str, Any]) -> None:
        """Write the stack file; the salt that Pulumi keeps there stays."""
        path = self.directory / f"Pulumi.{self.stack}.yaml"
        kept = yaml.safe_load(path.read_text()) if path.exists() else {}
        values = {f"hearth:{key}": value for key, value in config.items()}
        path.write_text(yaml.safe_dump({**kept, "config": values}))

    def words(self, *command: str) -> list[str]:
        """``command`` as it is called with the toolchain's environment."""
        return [*self.within, sys.executable, "-m", "toolchain", "run", "--", *command]

    def run(self, *command: str, check: bool = True, timeout: float = 600) -> Finished:
        """Run ``command`` here with the toolchain's environment."""
        done = subprocess.run(
            self.words(*command),
            cwd=self.directory,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
        )
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(command)} exited {done.returncode}:\n{done.stdout}")
        return Finished(done.returncode, done.stdout)

    def pulumi(self, *arguments: str, check: bool = True, timeout: float = 600) -> Finished:
        """Run ``pulumi`` on this stack's project."""
        words = ["pulumi", *arguments, "--non-interactive"]
        return self.run(*words, check=check, timeout=timeout)

    def up(self, *arguments: str, check: bool = True) -> Finished:
        """``pulumi up`` without a question."""
        return self.pulumi("up", "--yes", "--skip-preview", *arguments, check=check)

    def assert_nothing_to_do(self) -> None:
        """A preview finds nothing to change."""
        self.pulumi("preview", "--expect-no-changes", "--diff")

    def refresh(self) -> None:
        """``pulumi refresh`` without a question."""
        self.pulumi("refresh", "--yes", "--skip-preview")

    def destroy(self) -> None:
        """``pulumi destroy`` without a question."""
        self.pulumi("destroy", "--yes", "--skip-preview")

    def remove_volumes(self) -> None:
        """Those of containers outlive their stack on purpose; what tests leave need not."""
        if self.containers:
            for volume in docker.from_env().volumes.list(filters={"label": f"hearth.stack={self.stack}"}):
                volume.remove()

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs."""
        return json.loads(self.pulumi("stack", "output", "--json").text)

    def secret(self, name: str) -> str:
        """A secret of the stack, as kept on this host."""
        return (self.root / "secrets" / name).read_text().strip()

    def changed_resources(self, text: str) -> set[str]:
        """URN names of the resources that a ``preview --json`` would touch."""
        steps = json.loads(text)["steps"]
        return {step["urn"].rpartition("::")[2] for step in steps if step["op"] != "same"}
