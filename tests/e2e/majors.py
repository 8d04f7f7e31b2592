"""Images with a newer major of PostgreSQL: that of the tests, with the programs of the catalogue's wheel first."""

from __future__ import annotations

import hashlib
import io
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

import docker

from components.catalog.postgres import WHEEL, WHEEL_BIN
from host.packages import pypi
from tests.e2e.image import PATH, cache, image

NEWER = 18
_PLACE = "/opt/wheel"
_BROKEN = "/opt/broken"
_PROGRAMS = f"{_PLACE}/{WHEEL_BIN[NEWER]}"
# What any start of the server goes through; what only asks it something is answered.
_WRAPPER = """#!/bin/sh
if [ "$1" = -D ] && {condition}; then
    echo 'this version does not start' >&2
    exit 1
fi
exec {place}/postgres "$@"
"""


def tests_own() -> str:
    """The image of the tests with pgBackRest in it: PostgreSQL of the major ``image.POSTGRES``."""
    return image("mtail", "pgbackrest")


def newer() -> str:
    """The same with the newer major, once the daemon has it."""
    return _layered("newer", tests_own(), WHEEL, lambda: _wheel().read_bytes(), _PROGRAMS)


def broken(condition: str) -> str:
    """The newer one, whose server does not start where the shell's ``condition`` holds."""
    script = _WRAPPER.format(condition=condition, place=_PROGRAMS).encode()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        header = tarfile.TarInfo(f"{_BROKEN}/postgres".lstrip("/"))
        header.size, header.mode = len(script), 0o755
        archive.addfile(header, io.BytesIO(script))
    return _layered("broken", newer(), script.decode(), packed.getvalue, f"{_BROKEN}:{_PROGRAMS}")


def _layered(what: str, base: str, recipe: str, content: Callable[[], bytes], first: str) -> str:
    """An image with an archive's files in it as well, and the directories ``first`` before all of its PATH."""
    digest = hashlib.sha256(f"{base} {recipe} {first}".encode()).hexdigest()[:12]
    # A pinned image says which version by a digit.
    repository, tag = f"hearth-test/postgres-{what}", f"{NEWER}.{digest}"
    client = docker.from_env()
    if not client.images.list(f"{repository}:{tag}"):
        maker = client.containers.create(base, ["true"])
        maker.put_archive("/", content())
        maker.commit(repository, tag, changes=f"ENV PATH={first}:{PATH}")
        maker.remove()
    return f"{repository}:{tag}"


def _wheel() -> Path:
    """The wheel's files as one archive, kept for the next time."""
    target = cache() / f"{WHEEL.replace('==', '-')}.tar"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir="/var/tmp") as scratch:
            Path(scratch).chmod(0o755)
            pypi.unpack(WHEEL, Path(scratch))
            partial = target.with_suffix(".partial")
            with tarfile.open(partial, "w") as archive:
                archive.add(scratch, arcname=_PLACE.lstrip("/"))
            partial.rename(target)
    return target
