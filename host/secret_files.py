"""``secret-files``: deliver rendered secrets as files that one account can read."""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path
from typing import Any

from host import accounts, files
from host.errors import HostError
from host.layout import HOME_MODE
from host.stdin import document as read_document
from host.stdin import mode


def main(arguments: list[str]) -> str:
    """No arguments; the document ``{directory, account, files: [{path, content, mode}]}`` on stdin."""
    if arguments:
        raise HostError("usage: secret-files < document")
    return deliver(read_document("directory", "files"))


def deliver(document: dict[str, Any]) -> str:
    """Make the directory hold exactly these files. Returns the generation of its content.

    The generation is random, so it tells nothing about the secrets, and changes exactly when a
    content did. It is written first: a run killed in between has announced the change already.
    """
    identity = accounts.ensure(document.get("account"))
    directory = Path(document["directory"])
    wanted = {
        directory / Path(file["path"]).relative_to(directory)
        if Path(file["path"]).is_absolute()
        else directory / file["path"]: file
        for file in document["files"]
    }
    if any(path.parent != directory for path in wanted):
        raise HostError(f"{directory}: secret files lie directly in it")
    files.directory(directory.parent, mode=HOME_MODE, gid=identity.gid)
    files.directory(directory, mode=0o700, uid=identity.uid, gid=identity.gid)
    beside = generation_path(directory)
    with files.locked(directory.with_name(f".{directory.name}.lock")):
        stale = [path for path in directory.iterdir() if path not in wanted]
        changed = [path for path, file in wanted.items() if files.read(path) != file["content"].encode()]
        generation = (files.read(beside) or b"").decode()
        if stale or changed or not generation:
            generation = secrets.token_hex(8)
            files.write(beside, generation.encode(), mode=0o600)
        for path, file in wanted.items():
            bits = mode(file.get("mode", 0o400))
            if files.difference(
                path, data=file["content"].encode(), mode=bits, uid=identity.uid, gid=identity.gid
            ):
                files.write(path, file["content"].encode(), mode=bits, uid=identity.uid, gid=identity.gid)
        for path in stale:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else files.remove(path)
    return generation


def generation_path(directory: Path) -> Path:
    """Where the generation of a directory of secret files is kept: beside it."""
    return directory.with_name(f"{directory.name}.generation")
