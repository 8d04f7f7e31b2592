"""A service that runs as a process of this host."""

from __future__ import annotations

import contextlib
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING

from host import accounts, apply, execution, files, managers, notes, tasks
from host.errors import HostError
from host.managers import State
from ops.backup.sites import SECONDS, Site
from ops.errors import Failure, NotDeployed

if TYPE_CHECKING:
    from components.spec import ServiceSpec


class NativeSite:
    """Works from the document that was applied last, so with what really runs."""

    def __init__(self, root: Path, spec: ServiceSpec, note: Path) -> None:
        self.spec = spec
        self.note = note
        self._home = root / spec.name
        known = notes.read(self._home).applied
        if known is None:
            raise NotDeployed(spec.name)
        self._document = known
        self._manager = managers.of(known)
        self._data = self._home / "data"
        # Beside the data, in a directory that the service itself cannot change.
        self._before = self._data.with_name("data.before")
        self._gone = self._data.with_name("data.gone")

    @property
    def _identity(self) -> accounts.Identity:
        return accounts.ensure(self._document.account)

    def require_running(self) -> None:
        """See ``Site``."""
        status = self._manager.status()
        if status.state is not State.RUNNING:
            raise Failure(f"{self.spec.name}: does not run ({status.reason or status.state.value})")

    def save(self, argv: Sequence[str], target: Path) -> None:
        """See ``Site``."""
        with target.open("wb") as output:
            self._run(argv, stdout=output)

    def load(self, argv: Sequence[str], source: Path) -> None:
        """See ``Site``."""
        with source.open("rb") as file:
            self._run(argv, stdin=file)

    def apart(self, argv: Sequence[str], source: Path, target: Path) -> None:
        """See ``Site``."""
        with self._scratch() as scratch, source.open("rb") as file, target.open("wb") as output:
            self._run(argv, stdin=file, stdout=output, env={"TMPDIR": str(scratch)})

    def within(self, argv: Sequence[str]) -> None:
        """See ``Site``."""
        with self._scratch() as scratch:
            self._run(argv, env={"TMPDIR": str(scratch)})

    def beside(self, argv: Sequence[str]) -> None:
        """See ``Site``."""
        with self._scratch() as scratch, self._scratch() as place:
            self._run([word.replace("{place}", str(place)) for word in argv], env={"TMPDIR": str(scratch)})

    def foretell(self, argv: Sequence[str], later: ServiceSpec) -> None:
        """See ``Site``. What helps the programs is the machine's, of whatever version they are."""
        self.within(argv)

    def stop(self) -> None:
        """See ``Site``. Its unit goes as well, so that nothing starts it half restored."""
        self.note.touch()
        self._manager.forget()

    def start(self) -> None:
        """See ``Site``."""
        # The generation of its secrets is added anew.
        known = self._document.raw
        apply.apply({key: known[key] for key in known if key not in ("restart_on", "tasks_on")})

    def tasks(self) -> None:
        """See ``Site``."""
        tasks.run(self._document, self._identity)

    def read_data(self, target: Path) -> None:
        """See ``Site``."""
        with tarfile.open(target, "w") as archive:
            archive.add(self._data, arcname="data")

    def write_data(self, source: Path) -> None:
        """See ``Site``."""
        with tarfile.open(source) as archive:
            archive.extractall(self._data, filter=partial(_below, self._identity))

    def place(self, files: Mapping[str, Path]) -> None:
        """See ``Site``."""
        owner = self._identity
        for name, source in files.items():
            path = self._data / name
            for parent in reversed(path.relative_to(self._data).parents[:-1]):
                self._directory(self._data / parent)
            shutil.copyfile(source, path)
            os.chown(path, owner.uid, owner.gid)
            path.chmod(0o600)

    def aside(self) -> None:
        """See ``Site``. One rename: all of it, or nothing."""
        shutil.rmtree(self._gone, ignore_errors=True)
        try:
            self._data.rename(self._before)
        except OSError as error:
            raise Failure(f"{self._data}: cannot be moved aside: {error.strerror}") from None
        self._directory(self._data)

    def put_back(self) -> None:
        """See ``Site``."""
        self._sweep()
        if self._before.is_dir():
            shutil.rmtree(self._data, ignore_errors=True)
            self._before.rename(self._data)

    def drop(self) -> None:
        """See ``Site``."""
        self._before.rename(self._gone)
        shutil.rmtree(self._gone)

    def take(self, other: Site, name: str) -> None:
        """See ``Site``. One rename: both are below the stack's root."""
        assert isinstance(other, NativeSite)
        (other._data / name).rename(self._data / name)
        files.sync_directory(self._data)

    def rename(self, old: str, new: str) -> None:
        """See ``Site``."""
        if (self._data / old).exists():
            (self._data / old).rename(self._data / new)

    def remove(self, name: str) -> None:
        """See ``Site``."""
        files.remove(self._data / name)

    def _directory(self, path: Path) -> None:
        files.directory(path, mode=0o700, uid=self._identity.uid, gid=self._identity.gid)

    def _sweep(self) -> None:
        """Delete what a killed run left; nobody else works here meanwhile."""
        for left in self._home.glob("scratch-*"):
            if not left.name.startswith(_scratch_prefix()):
                shutil.rmtree(left, ignore_errors=True)

    @contextlib.contextmanager
    def _scratch(self) -> Iterator[Path]:
        """A directory of the service's account."""
        self._sweep()
        with tempfile.TemporaryDirectory(prefix=_scratch_prefix(), dir=self._home) as made:
            os.chown(made, self._identity.uid, self._identity.gid)
            yield Path(made)

    def _run(
        self,
        argv: Sequence[str],
        *,
        stdin: IO[bytes] | None = None,
        stdout: IO[bytes] | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        environment = execution.environment(self._document.path, {**self._document.env, **(env or {})})
        outcome = execution.run(
            argv, timeout=SECONDS, env=environment, identity=self._identity, stdin=stdin, stdout=stdout
        )
        if not outcome.ok:
            raise HostError(f"{self.spec.name}: {argv[0]}: {outcome.why(lines=5)}")


def _scratch_prefix() -> str:
    return f"scratch-{os.getpid()}-"


def _below(owner: accounts.Identity, member: tarfile.TarInfo, path: str) -> tarfile.TarInfo | None:
    """The member without the one directory that all are below; refused where it leads out."""
    _, _, rest = member.name.partition("/")
    if not rest:
        return None
    inside = member.replace(name=rest, deep=False)
    if inside.islnk():
        inside.linkname = inside.linkname.partition("/")[2]
    safe = tarfile.data_filter(inside, path)
    return safe.replace(uid=owner.uid, gid=owner.gid, uname="", gname="", mode=member.mode, deep=False)
