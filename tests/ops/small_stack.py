"""A stack small enough to back up hundreds of times: one real Redis, its data, and real repositories."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from support.quick_key import make_quick
from support.stacks import plan, values

from components.captures import Capture
from components.config import load_stack_config
from components.spec import BackupPolicy
from ops.backup import jobs, runs
from ops.backup.places import Place
from ops.backup.repository import Snapshot
from ops.backup.target import Target
from tests.host.machine import Machine

STACK, KEY, PASSWORD = "test", "kept", "only for tests"
# Runs a backup in a process of its own, which may be killed.
_MAIN = """
import sys
from pathlib import Path
from small_stack import target
from ops.backup import jobs
print(jobs.back_up(target(Path(sys.argv[1]), int(sys.argv[2])), print))
"""


def target(root: Path, port: int, **backup: Any) -> Target:
    """The stack below ``root``, whose Redis listens on ``port``."""
    config = load_stack_config(
        values("supervisord", {"redis": {"port": port}}, data=str(root), backup=backup)
    )
    made = plan(values("supervisord", {"redis": {"port": port}}, data=str(root)))
    ask = ("redis-cli", "-e", "-p", str(port))
    capture = Capture(
        name="value",
        save=(*ask, "GET", KEY),
        tally=("sh", "-c", "tr -d '\\n' | sha256sum"),
        load=(*ask, "-x", "SET", KEY),
    )
    spec = replace(made.service("redis"), backup=BackupPolicy(captures=(capture,)))
    return Target(STACK, root, replace(made, services=(spec,)), config.backup, containers=False)


class SmallStack:
    """It runs, and its Redis has data."""

    def __init__(self, machine: Machine, port: int, **backup: Any) -> None:
        self.machine, self.root, self.port, self.settings = machine, machine.root, port, backup
        machine.apply(machine.redis(port))
        (self.root / "bin").mkdir()
        (self.root / "bin" / "restic").symlink_to("/usr/bin/restic")
        password = self.root / "backup" / "secrets" / "backup.repository"
        password.parent.mkdir(parents=True)
        password.write_text(PASSWORD)
        self.said: list[str] = []
        self.fill("at first")

    @property
    def target(self) -> Target:
        """As its file describes it."""
        return target(self.root, self.port, **self.settings)

    def ask(self, *words: str) -> str:
        """Redis' answer."""
        argv = ["redis-cli", "-e", "-p", str(self.port), *words]
        return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()

    def fill(self, text: str, size: int = 200_000) -> None:
        """Have a new value in Redis that begins with ``text``."""
        self.ask("SET", "name", text)
        value = f"{text} ".encode() + os.urandom(size // 2).hex().encode()
        argv = ["redis-cli", "-e", "-p", str(self.port), "-x", "SET", KEY]
        subprocess.run(argv, input=value, check=True, capture_output=True)

    def value(self) -> str:
        """How the value begins."""
        return self.ask("GETRANGE", KEY, "0", "40").rpartition(" ")[0]

    def make_quick(self, place: Place = Place.FIRST, kept: Path | None = None) -> None:
        """Make a repository that opens at once. ``kept`` is where its server keeps it, if it has one."""
        scratch = self.root / "backup" / "restic"
        repository = self.target.repository(scratch, place)
        repository.open()
        directory = kept or repository.path
        assert directory is not None
        make_quick(directory, PASSWORD)
        for path in scratch.iterdir():
            path.unlink()
        scratch.rmdir()

    def back_up(self) -> jobs.Taken:
        """In this process."""
        return jobs.back_up(self.target, self.said.append)

    def restore(self, name: str | None = None, place: Place = Place.FIRST) -> None:
        """In this process."""
        jobs.restore(self.target, ["redis"], name, self.said.append, place)

    def listed(self, place: Place = Place.FIRST) -> list[Snapshot]:
        """The backups that count."""
        return [snapshot for snapshot, _ in jobs.snapshots(self.target, place)]

    def started(self) -> subprocess.Popen[str]:
        """A backup in a process of its own."""
        here = Path(__file__).parent
        paths = os.pathsep.join(map(str, (here.parents[1], here.parent, here)))
        return subprocess.Popen(
            [sys.executable, "-c", _MAIN, str(self.root), str(self.port)],
            env={**os.environ, "PYTHONPATH": paths},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def reason(self, kind: str = runs.BACKUP) -> str | None:
        """Why the last run failed; ``None`` when it did not."""
        return runs.read(self.root)[kind]["reason"]

    def no_mess(self) -> None:
        """No staged file, nothing set aside, nothing stopped."""
        left = {path.name for path in (self.root / "backup").iterdir()}
        assert left <= {"known.json", "lock", "metrics", "record.json", "runs.json", "secrets"}, left
        assert not list((self.root / "redis").glob("data.*"))
