from __future__ import annotations
import contextlib
import os
import signal
import subprocess
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.e2e import probes
from tests.e2e.leaks import leaks
from tests.e2e.story import eventually, settled, smoke, touched_by, with_setting
from tests.e2e.systemd_machine import SystemdMachine, systemd_machine
from tests.e2e.workbench import Finished, Workbench


def values(scope: str, base: int, **services: Any) -> dict[str, Any]:
    return {
        "runtime": "systemd",
        "systemd": {"scope": scope},
        "host": {"reserve": "512MiB"},
        "services": {
            "ollama": {"port": base + 1, "memory": "2GiB"},
            "redis": {"port": base + 2, "memory": "128MiB", "cpus": 0.5},
            "postgres": {"port": base + 3, "memory": "256MiB"},
            "nginx": {"port": base + 4},
        },
    }


class Inside(Workbench):
    """A workbench whose commands run in the machine, as its account or as its root."""

    def __init__(self, machine: SystemdMachine, directory: Path, stack: str, config, *, root: bool) -> None:
        self.machine, self.as_root = machine, root
        super().__init__(directory, stack, config)

    def configure(self, config) -> None:
        super().configure(config)
        if not self.as_root:
            for path in (self.directory, *self.directory.rglob("*")):
                os.chown(path, self.machine.uid, self.machine.uid, follow_symlinks=False)

    def run(self, *command: str, check: bool = True, timeout: float = 600) -> Finished:
        own = {k: v for k, v in self.environment.items() if k.startswith("PULUMI_")}
        t = time.time()
        done = subprocess.run(
            [*self.machine.enter(self.directory, root=self.as_root), sys.executable, "-m", "toolchain", "run", "--", *command],
            env={**self.machine.environment(root=self.as_root), **own},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout,
        )
        print(f"{time.time()-t:.1f} s {' '.join(command[:3])}", file=sys.stderr)
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(command)} exited {done.returncode}:\n{done.stdout}")
        return Finished(done.returncode, done.stdout)
