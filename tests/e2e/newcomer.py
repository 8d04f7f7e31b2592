"""A user with an empty home and a fresh checkout, who types what a page says."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil

from tests.e2e.workbench import Finished, Workbench, copy_project


class Newcomer(Workbench):
    """A user with an empty home, and a checkout that has no stack yet."""

    def __init__(self, scratch: Path, name: str, stack: str) -> None:
        self.directory, self.root, self.stack, self.within = scratch / name, scratch / "data", stack, ()
        copy_project(self.directory)
        self.home = scratch / f"{name}-home"
        self.home.mkdir()
        given = {
            key: value for key, value in os.environ.items() if not key.startswith(("PULUMI_", "HEARTH_"))
        }
        # Programs that were downloaded or built are no part of the stack, and take minutes to build.
        cache = os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))
        self.environment = {**given, "XDG_CACHE_HOME": cache, "HOME": str(self.home)}

    def type(self, line: str) -> Finished:
        """A command of a page."""
        done = subprocess.run(
            ["sh", "-c", line], cwd=self.directory, env=self.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=900, check=False,
        )  # fmt: skip
        return Finished(done.returncode, done.stdout)

    def keys(self) -> dict[str, bytes]:
        """Everything that opens something: the stack's secrets, and the passphrase of the state."""
        found = {path.name: path.read_bytes() for path in (self.root / "secrets").iterdir()}
        return {**found, "passphrase": (self.directory / ".state" / "passphrase").read_bytes()}

    def resources(self) -> list[str]:
        """URNs of everything in the state."""
        text = self.pulumi("stack", "export").text
        return sorted(one["urn"] for one in json.loads(text[text.index("{") :])["deployment"]["resources"])

    def die(self) -> None:
        """What runs stops at once, and nothing that was written is left."""
        while found := list(self._processes()):
            for process in found:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(found, timeout=5)
        for directory in (self.root, self.directory, self.home):
            shutil.rmtree(directory)

    def _processes(self) -> Iterator[psutil.Process]:
        # Who keeps the times of backups runs in the checkout.
        ours = (str(self.root), str(self.directory))
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if any(word.startswith(ours) for word in (*process.cmdline(), process.cwd())):
                    yield process
