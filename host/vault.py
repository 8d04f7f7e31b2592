"""``secret R NAME``: the stack's secrets, made once and kept through a destroy."""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import secrets
from collections.abc import Callable
from pathlib import Path

from host import certificate, files
from host.containers import client
from host.errors import HostError

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
BYTES = 32


def main(arguments: list[str]) -> str:
    """``R NAME [--kind password|certificate|file] [--source F] [--data DIR | --volume V]``: the secret."""
    parser = argparse.ArgumentParser(prog="host secret")
    parser.add_argument("root", type=Path)
    parser.add_argument("name")
    parser.add_argument("--kind", choices=("password", "certificate", "file"), default="password")
    parser.add_argument("--source", type=Path)
    guarded = parser.add_mutually_exclusive_group()
    guarded.add_argument("--data", type=Path, help="a directory that cannot be read without the secret")
    guarded.add_argument("--volume", help="a Docker volume that cannot be read without it")
    given = parser.parse_args(arguments)
    if given.kind == "file":
        return _given(given.name, given.source)
    return secret(given.root, given.name, lambda: _new(given, MAKERS[given.kind]))


def _new(given: argparse.Namespace, make: Callable[[], str]) -> str:
    """A secret that there is none of yet. Raises ``HostError`` where data needs the one that is lost."""
    there = _encrypted(given.data, given.volume)
    if there:
        raise HostError(
            f"secret {given.name}: {given.root / 'secrets' / given.name} is missing, and {there} cannot be "
            "read without it; no other was made. Restore the file from a backup, or purge the data first"
        )
    return make()


def _encrypted(data: Path | None, volume: str | None) -> str | None:
    """The directory or volume in words, if there is anything in it."""
    if data is not None and data.is_dir() and any(data.iterdir()):
        return f"the data in {data}"
    if volume is not None:
        with client.daemon() as daemon:
            if volume in (found.name for found in daemon.volumes.list(filters={"name": volume})):
                return f"the data in volume {volume}"
    return None


def _password() -> str:
    """URL-safe text of 32 random bytes: safe in a connection string, in SQL and in an ACL file."""
    return secrets.token_urlsafe(BYTES)


MAKERS: dict[str, Callable[[], str]] = {"password": _password, "certificate": certificate.self_signed}
"""How a value of each kind is made that is nobody's file."""


def _given(name: str, source: Path) -> str:
    """The content of a file of the owner's own. It stays theirs: nothing is copied into the root."""
    try:
        return source.read_text()
    except OSError as error:
        raise HostError(
            f"secret {name}: {source} cannot be read: {error.strerror}; "
            "check the path in the stack's configuration"
        ) from None


def secret(root: Path, name: str, make: Callable[[], str] = _password) -> str:
    """The secret ``root/secrets/name``, made by ``make`` when absent.

    Raises ``HostError`` for a name that is none and for an empty file.
    """
    if not NAME.fullmatch(name):
        raise HostError(f"secret {name!r}: a name is lower-case letters, digits, '.', '_' and '-'")
    directory = root / "secrets"
    files.directory(directory, mode=0o700)
    path = directory / name
    found = files.read(path)
    if found is None:
        _create(path, make().encode())
        found = path.read_bytes()
    text = found.decode().strip()
    if not text:
        raise HostError(
            f"secret {name}: {path} is empty; restore it from a backup, or delete it to have a new one made"
        )
    return text


def _create(path: Path, value: bytes) -> None:
    """Durable before it is visible, and never over another run's value: link, not rename."""
    staged = path.with_name(f".{path.name}.{os.getpid()}")
    staged.unlink(missing_ok=True)
    descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(value)
        file.flush()
        os.fsync(descriptor)
    with contextlib.suppress(FileExistsError):
        os.link(staged, path)
    staged.unlink()
    files.sync_directory(path.parent)
