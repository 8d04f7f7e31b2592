"""An image like the tests' own, whose Redis does not start: what an upgrade may bring."""

from __future__ import annotations

import contextlib
import io
import tarfile
from collections.abc import Iterator

import docker

_SCRIPT = b"#!/bin/sh\necho 'this version does not start' >&2\nexit 1\n"


@contextlib.contextmanager
def broken_image(like: str, reference: str) -> Iterator[str]:
    """``reference``, made of the image ``like``; it is gone after the block."""
    client = docker.from_env()
    maker = client.containers.create(like, ["true"])
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        header = tarfile.TarInfo("redis-server")
        header.size, header.mode = len(_SCRIPT), 0o755
        archive.addfile(header, io.BytesIO(_SCRIPT))
    maker.put_archive("/usr/local/sbin", packed.getvalue())
    name, _, tag = reference.partition(":")
    maker.commit(name, tag)
    maker.remove()
    yield reference
    client.images.remove(reference, force=True)
