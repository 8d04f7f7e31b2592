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
from ops.backup.sites import SECONDS
from ops.errors import Failure

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
            raise Failure(f"{spec.name}: is not deployed here; deploy it with `pulumi up`")
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

    def stop(self) -> None:
        """See ``Site``. Its unit goes as well, so that nothing starts it half restored."""
        self.note.touch()
        self._manager.forget()

    def start(self) -> None:
        """See ``Site``."""
        # The generation of its secrets is added anew.
        apply.apply({key: value for key, value in self._document.raw.items() if key != "restart_on"})

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
        if self._before.is_dir():
            shutil.rmtree(self._data, ignore_errors=True)
            self._before.rename(self._data)

    def drop(self) -> None:
        """See ``Site``."""
        self._before.rename(self._gone)
        shutil.rmtree(self._gone)

    def _directory(self, path: Path) -> None:
        files.directory(path, mode=0o700, uid=self._identity.uid, gid=self._identity.gid)

    @contextlib.contextmanager
    def _scratch(self) -> Iterator[Path]:
        """A directory of the service's account."""
        with tempfile.TemporaryDirectory(prefix="scratch-", dir=self._home) as made:
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
