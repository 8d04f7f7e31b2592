"""Reading a snapshot back, every byte against its manifest."""

from __future__ import annotations

import subprocess
import tarfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from host.execution import die_with_parent
from ops.backup import manifest
from ops.backup.manifest import Kept, Manifest
from ops.backup.repository import Repository, Stored, reason
from ops.errors import Failure


def manifest_of(repository: Repository, snapshot: Stored) -> Manifest:
    """The manifest inside a snapshot."""
    text = repository.run("dump", snapshot.id, f"{snapshot.directory}/{manifest.NAME}")
    return manifest.read(text.encode())


def verify(repository: Repository, snapshot: Stored, expected: Manifest) -> None:
    """Raise ``Failure`` unless the snapshot holds exactly the files of the manifest, as they were."""
    _each(repository, snapshot, expected, lambda kept, file: manifest.measure(file))


def fetch(
    repository: Repository, snapshot: Stored, expected: Manifest, target: Path, below: Collection[str]
) -> None:
    """Put the files of the directories ``below`` into ``target``; all others are verified as well."""

    def take(kept: Kept, file: IO[bytes]) -> tuple[int, str]:
        if PurePosixPath(kept.path).parts[0] not in below:
            return manifest.measure(file)
        path = target / kept.path
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w+b") as copy:
            while chunk := file.read(1024**2):
                copy.write(chunk)
            copy.seek(0)
            return manifest.measure(copy)

    _each(repository, snapshot, expected, take)


def _each(
    repository: Repository,
    snapshot: Stored,
    expected: Manifest,
    take: Callable[[Kept, IO[bytes]], tuple[int, str]],
) -> None:
    left = expected.files
    with _dumped(repository, snapshot) as archive:
        prefix = PurePosixPath(snapshot.directory.lstrip("/"))
        for member, file in _files(archive):
            path = str(PurePosixPath(member).relative_to(prefix))
            if path == manifest.NAME:
                continue
            kept = left.pop(path, None)
            if kept is None:
                raise Failure(f"backup {snapshot.short}: {path} is not in its manifest; it is damaged")
            if take(kept, file) != (kept.size, kept.sha256):
                raise Failure(f"backup {snapshot.short}: {path} is not what was stored; it is damaged")
    if left:
        raise Failure(f"backup {snapshot.short}: {next(iter(left))} is missing; it is damaged")


def _files(archive: tarfile.TarFile) -> Iterator[tuple[str, IO[bytes]]]:
    for member in archive:
        if member.isfile():
            file = archive.extractfile(member)
            assert file is not None
            yield member.name, file


@contextmanager
def _dumped(repository: Repository, snapshot: Stored) -> Iterator[tarfile.TarFile]:
    """The snapshot as an archive that is read as it comes."""
    with (repository.scratch / "errors").open("w+b") as errors:
        process = subprocess.Popen(
            repository.command("dump", "--archive", "tar", snapshot.id, snapshot.directory),
            env=dict(repository.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            preexec_fn=die_with_parent(),
        )
        try:
            assert process.stdout is not None
            with tarfile.open(fileobj=process.stdout, mode="r|") as archive:
                yield archive
            process.stdout.read()
            code = process.wait()
        except tarfile.TarError as error:
            process.stdout.close()
            code = process.wait() or str(error)
        finally:
            process.kill()
            process.wait()
        if code:
            errors.seek(0)
            why = reason(errors.read().decode(errors="replace"))
            raise Failure(f"{repository.location}: backup {snapshot.short}: {why}")
