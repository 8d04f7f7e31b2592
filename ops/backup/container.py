"""A service that runs in a container."""

from __future__ import annotations

import contextlib
import tarfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from components.runtimes.docker_arguments import tmpfs
from components.runtimes.docker_volumes import gate, mounts
from host.containers import client, ready, streams
from host.containers import tasks as container_tasks
from host.errors import HostError
from ops.backup.sites import Site
from ops.errors import Failure, NotDeployed

if TYPE_CHECKING:
    from components.spec import ServiceSpec

_DATA, _OTHER = "/hearth/data", "/hearth/other"
# Moving aside ends with a rename, and putting back begins with one: half-way, it is known which way it went.
_ASIDE = """
set -eu; cd "$1"; rm -rf .hearth-gone; mkdir -p .hearth-moving
for entry in * .[!.]*; do
    case "$entry" in .hearth-*) continue ;; esac
    [ ! -e "$entry" ] && [ ! -L "$entry" ] || mv "$entry" .hearth-moving/
done
mv .hearth-moving .hearth-before
"""
_PUT_BACK = """
set -eu; cd "$1"
if [ -d .hearth-before ]; then
    find . -mindepth 1 -maxdepth 1 ! -name .hearth-before -exec rm -rf {} +
    mv .hearth-before .hearth-moving
fi
[ -d .hearth-moving ] || exit 0
find .hearth-moving -mindepth 1 -maxdepth 1 -exec mv {} . \\;
rmdir .hearth-moving
"""
_TAKE = """
set -eu; cd "$1"; rm -rf .hearth-taken; cp -a "$3/$2" .hearth-taken; sync; mv .hearth-taken "$2"
"""
_DROP = 'set -eu; cd "$1"; mv .hearth-before .hearth-gone; rm -rf .hearth-gone'


class ContainerSite:
    """The container and the data volume of a service; the daemon may be on another machine."""

    def __init__(self, daemon: Any, stack: str, spec: ServiceSpec, note: Path) -> None:
        self.spec = spec
        self._stack = stack
        self._daemon = daemon
        self.note = note
        self._gate = gate(stack, spec)
        self._purpose = f"backup-{self._gate['container']}"
        self._volume = f"{stack}-{spec.name}-{spec.volumes[0].name}" if spec.volumes else None
        self._image = self._deployed()

    def _deployed(self) -> str:
        """The image that it runs. Raises ``NotDeployed``."""
        import docker

        try:
            self._container = self._daemon.containers.get(self._gate["container"])
        except docker.errors.NotFound:
            raise NotDeployed(self.spec.name) from None
        return self._container.attrs["Image"]

    def require_running(self) -> None:
        """See ``Site``."""
        self._container.reload()
        if self._container.status != "running":
            raise Failure(f"{self.spec.name}: does not run (its container is {self._container.status})")

    def save(self, argv: Sequence[str], target: Path) -> None:
        """See ``Site``."""
        with target.open("wb") as output:
            self._must(argv, streams.execute(self._container, argv, stdout=output))

    def load(self, argv: Sequence[str], source: Path) -> None:
        """See ``Site``."""
        with source.open("rb") as file:
            self._must(argv, streams.execute(self._container, argv, stdin=file))

    def apart(self, argv: Sequence[str], source: Path, target: Path) -> None:
        """See ``Site``."""
        with source.open("rb") as file, target.open("wb") as output:
            self._must(argv, self._helper(argv, stdin=file, stdout=output))

    def within(self, argv: Sequence[str]) -> None:
        """See ``Site``."""
        self._must(argv, self._as_the_service(argv, {}))

    def beside(self, argv: Sequence[str]) -> None:
        """See ``Site``."""
        words = [word.replace("{place}", f"{streams.SCRATCH}/place") for word in argv]
        made = ["sh", "-c", f'mkdir {streams.SCRATCH}/place && exec "$@"', "place", *words]
        data = {volume.path for volume in self.spec.volumes[:1]}
        self._must(argv, self._as_the_service(made, data))

    def foretell(self, argv: Sequence[str], later: ServiceSpec) -> None:
        """See ``Site``. In the other image, which is brought here first."""
        assert later.image is not None
        client.pulled(self._daemon, later.image.reference)
        outcome = streams.apart(
            self._daemon,
            later.image.reference,
            argv,
            purpose=self._purpose,
            user=later.security.uid,
            memory=later.resources.memory,
        )
        self._must(argv, outcome)

    def stop(self) -> None:
        """See ``Site``."""
        self.note.touch()
        self._container.stop(timeout=self.spec.process.stop_seconds)

    def start(self) -> None:
        """See ``Site``."""
        self._container.start()
        ready.wait(self._daemon, self.spec.name, self._gate["container"], self._gate["health"])
        self.tasks()

    def tasks(self) -> None:
        """See ``Site``."""
        container_tasks.run(self._container, self.spec.name, self._gate["tasks"])

    def read_data(self, target: Path) -> None:
        """See ``Site``."""
        with self._still() as holder, target.open("wb") as file:
            chunks, _ = holder.get_archive(_DATA)
            for chunk in chunks:
                file.write(chunk)

    def write_data(self, source: Path) -> None:
        """See ``Site``."""
        renamed = source.with_name("renamed.tar")
        with tarfile.open(source) as stored, tarfile.open(renamed, "w") as archive:
            for member in stored:
                # Without the one directory that all are below.
                rest = member.name.partition("/")[2]
                if not rest:
                    continue
                inside = member.replace(name=rest, deep=False)
                if inside.islnk():
                    inside.linkname = inside.linkname.partition("/")[2]
                inside.uid = inside.gid = self.spec.security.uid
                inside.uname = inside.gname = ""
                archive.addfile(inside, stored.extractfile(member) if member.isfile() else None)
        self._put(renamed)
        renamed.unlink()

    def place(self, files: Mapping[str, Path]) -> None:
        """See ``Site``."""
        packed = next(iter(files.values())).with_name("placed.tar")
        with tarfile.open(packed, "w") as archive:
            for folder in sorted({str(parent) for name in files for parent in Path(name).parents} - {"."}):
                archive.addfile(self._header(folder, 0o700, tarfile.DIRTYPE))
            for name, source in files.items():
                header = self._header(name, 0o600, tarfile.REGTYPE)
                header.size = source.stat().st_size
                with source.open("rb") as file:
                    archive.addfile(header, file)
        self._put(packed)
        packed.unlink()

    def aside(self) -> None:
        """See ``Site``."""
        self._script(_ASIDE)

    def put_back(self) -> None:
        """See ``Site``."""
        if self._volume:
            self._script(_PUT_BACK)

    def drop(self) -> None:
        """See ``Site``."""
        self._script(_DROP)

    def take(self, other: Site, name: str) -> None:
        """See ``Site``. A copy, for it is another volume; the rename at its end makes it count."""
        assert isinstance(other, ContainerSite)
        assert other._volume
        assert self._volume
        argv = ["sh", "-c", _TAKE, "data", _DATA, name, _OTHER]
        self._must(argv, self._helper(argv, volumes={self._volume: _DATA, other._volume: _OTHER}))

    def rename(self, old: str, new: str) -> None:
        """See ``Site``."""
        self._script('cd "$1"; [ ! -e "$2" ] || mv "$2" "$3"', old, new)

    def remove(self, name: str) -> None:
        """See ``Site``."""
        self._script('cd "$1"; rm -f "$2"', name)

    def _put(self, packed: Path) -> None:
        with self._still() as holder, packed.open("rb") as file:
            holder.put_archive(_DATA, file)

    @contextlib.contextmanager
    def _still(self) -> Iterator[Any]:
        """A container that has the data and never runs: to read and write while nothing else does."""
        client.drop_helpers(self._daemon, self._purpose)
        holder = self._daemon.containers.create(
            self._image,
            command=["true"],
            network_mode="none",
            labels={client.HELPER_LABEL: self._purpose},
            volumes={self._volume: {"bind": _DATA, "mode": "rw"}},
        )
        try:
            yield holder
        finally:
            client.remove(holder)

    def _header(self, name: str, mode: int, kind: bytes) -> tarfile.TarInfo:
        header = tarfile.TarInfo(name)
        header.type, header.mode = kind, mode
        header.uid = header.gid = self.spec.security.uid
        return header

    def _script(self, text: str, *words: str) -> None:
        argv = ["sh", "-c", text, "data", _DATA, *words]
        self._must(argv, self._helper(argv))

    def _helper(
        self,
        argv: Sequence[str],
        *,
        stdin: IO[bytes] | None = None,
        stdout: IO[bytes] | None = None,
        volumes: Mapping[str, str] | None = None,
    ) -> streams.Outcome:
        # What only reads a file of ours sees nothing of the service's data.
        own = {self._volume: _DATA} if self._volume and stdin is None else None
        return streams.apart(
            self._daemon,
            self._image,
            argv,
            purpose=self._purpose,
            user=self.spec.security.uid,
            memory=self.spec.resources.memory,
            volumes=volumes or own,
            stdin=stdin,
            stdout=stdout,
        )

    def _as_the_service(self, argv: Sequence[str], without: Collection[str]) -> streams.Outcome:
        """A command with the volumes, the environment and the memory that the service's container has."""
        found = mounts(self._stack, self.spec)
        return streams.apart(
            self._daemon,
            self._image,
            argv,
            purpose=self._purpose,
            user=self.spec.security.uid,
            memory=self.spec.resources.memory,
            volumes={name: path for name, (path, _) in found.items() if path not in without},
            environment=self.spec.process.env,
            tmpfs=tmpfs(self.spec),
        )

    def _must(self, argv: Sequence[str], outcome: streams.Outcome) -> None:
        if not outcome.ok:
            raise HostError(f"{self.spec.name}: {argv[0]}: {outcome.why(lines=5)}")
