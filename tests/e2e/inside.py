"""A workbench in a machine that systemd runs."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from tests.e2e.systemd_machine import SystemdMachine
from tests.e2e.workbench import Finished, Workbench


class Inside(Workbench):
    """A workbench whose commands run in the machine, as its root or as its account."""

    def __init__(
        self, machine: SystemdMachine, directory: Path, values: Mapping[str, Any], stack: str
    ) -> None:
        self.machine = machine
        self.config = dict(values)
        self.scope = values["systemd"]["scope"]
        self.privileged = self.scope == "system"
        super().__init__(
            directory,
            stack,
            values,
            within=machine.enter(directory, root=self.privileged),
            environment=machine.environment(root=self.privileged),
        )

    def configure(self, config: Mapping[str, Any]) -> None:
        """Write the stack file, and leave the project to whoever works with it."""
        super().configure(config)
        if not self.privileged:
            for path in (self.directory, *self.directory.rglob("*")):
                os.chown(path, self.machine.uid, self.machine.uid, follow_symlinks=False)

    def drift(self, *arguments: str) -> Finished:
        """What `./hearth drift` finds."""
        return self.run(
            ".venv/bin/python", "-m", "ops", "drift", "--stack", self.stack, *arguments, check=False
        )

    def port(self, service: str) -> int:
        """The port of a service."""
        return self.config["services"][service]["port"]

    @property
    def units(self) -> Path:
        """Where the manager reads units, as seen from out here."""
        below = (
            "etc/systemd/system"
            if self.privileged
            else f"{self.machine.home}/.config/systemd/user".lstrip("/")
        )
        return Path(f"/proc/{self.machine.pid}/root") / below

    def systemctl(self, verb: str, service: str, *options: str) -> str:
        """Ask the manager about the unit of a service."""
        return self.machine.systemctl(
            verb, *options, f"hearth-{self.stack}-{service}.service", root=self.privileged
        )

    def show(self, service: str, name: str) -> str:
        """A property of a unit."""
        return self.systemctl("show", service, f"--property={name}", "--value")

    def limit(self, service: str, *names: str) -> int:
        """The first figure of a limit of a unit, as the kernel has it."""
        return int(self.machine.limit(self.show(service, "ControlGroup"), *names).split()[0])

    def processes(self) -> dict[str, list[psutil.Process]]:
        """Every process in the cgroup of a unit of this stack, by service."""
        found: dict[str, list[psutil.Process]] = {}
        for process in psutil.process_iter():
            try:
                groups = Path(f"/proc/{process.pid}/cgroup").read_text()
            except OSError:
                continue
            service = re.search(rf"/hearth-{self.stack}-([\w-]+)\.service", groups)
            if service:
                found.setdefault(service[1], []).append(process)
        return found
