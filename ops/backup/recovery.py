"""A stack from its backups alone, on a machine that has nothing of it."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from components import backup
from components.errors import PASSWORD_IN_URL
from host import files
from host.packages import install, request
from ops import engine
from ops.backup import desk, jobs, own, reading, settling, target, urls
from ops.backup.capture import Progress
from ops.backup.jobs import Found
from ops.backup.repository import Repository
from ops.backup.settling import Source
from ops.errors import Failure
from toolchain import stack_files


@dataclass(frozen=True)
class Recovered:
    """What came back. ``missing`` is what could not, and may come by itself."""

    found: Found
    services: Sequence[str]
    missing: Sequence[str]


@contextlib.contextmanager
def found(stack: str, source: Source, name: str | None, progress: Progress) -> Iterator[tuple[Found, Path]]:
    """The backup, verified, and a directory with the stack's own files of it, for the block.

    The repository is only read. Raises ``Failure`` where there is none, or it is damaged.
    """
    with tempfile.TemporaryDirectory(prefix="hearth-recover-") as directory:
        scratch = Path(directory)
        repository = _repository(stack, source, scratch)
        progress(f"{repository.location}: verifying")
        repository.check_every_file()
        known = repository.stacks()
        if stack not in known:
            there = f"there are backups of {', '.join(known)}" if known else "there are no backups at all"
            raise Failure(f"{source.location}: has no backup of stack {stack}; {there}")
        repository.check()
        snapshot = repository.find(name, repository.snapshots())
        stored = reading.manifest_of(repository, snapshot)
        reading.fetch(repository, snapshot, stored, scratch / "files", [own.DIRECTORY])
        yield Found(repository, snapshot, stored), scratch / "files" / own.DIRECTORY


@contextlib.contextmanager
def _spoken() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise desk.spoken(error) from None


def _repository(stack: str, source: Source, scratch: Path) -> Repository:
    if not source.password.is_file():
        raise Failure(f"{source.password}: is not there; it is to hold the password of the backups")
    if PASSWORD_IN_URL.search(source.location):
        raise Failure(
            "--from: the URL holds a password, and others can read what was typed here; leave user and "
            "password out, and write RESTIC_REST_USERNAME=... and RESTIC_REST_PASSWORD=... to a file for "
            "--credentials"
        )
    if source.credentials and not source.credentials.is_file():
        raise Failure(f"{source.credentials}: is not there; it is to hold what {source.location} asks for")
    if source.location.startswith("/") and not (Path(source.location) / "config").is_file():
        raise Failure(f"{source.location}: is no repository; name the directory that has `config` in it")
    asked = {"root": str(scratch), "name": "restic", **asdict(backup.PACKAGE)}
    install.package(request.parse(asked))
    made = Repository(
        location=source.location,
        program=scratch / "bin" / backup.PACKAGE.programs[0],
        password=source.password.resolve(),
        stack=stack,
        scratch=scratch,
        untouched=True,
    )
    if source.credentials is None:
        return made
    return replace(made, credentials=urls.credentials(source.credentials))


def recover(stack: str, source: Source, name: str | None, progress: Progress) -> Recovered:
    """Bring the stack's file, keys and secrets back, bring it up, and restore every service.

    A run that was ended half-way is taken up where it was: an edited stack file stays. Raises ``Failure`` or
    ``HostError``; where there is anything of the stack that this did not put there, nothing is changed.
    """
    with _spoken(), found(stack, source, name, progress) as (chosen, own_files):
        note = settling.settle(stack, source, own_files, progress)
        with files.locked(note, Failure("another recovery of this stack is under way")):
            progress(f"{stack}: bringing it up")
            # A run that was killed has left Pulumi's lock.
            engine.unlock(stack)
            with stack_files.unsalted(Path.cwd()):
                engine.deploy(stack)
            made = target.of(stack)
            services = [spec.name for spec in made.covered if spec.name in chosen.stored.services]
            with jobs.at_work(made, progress) as (stage, site_of):
                missing = jobs.bring(made, chosen, services, stage, site_of, progress)
            note.unlink()
        return Recovered(chosen, services, missing)
