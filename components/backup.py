"""What backups need on the machine: the program that keeps them, and the password that they are under."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

import pulumi

from components.backup_settings import CREDENTIALS, BackupSettings
from components.commands import call, command, document
from components.runtimes.base import Runtime, Stack
from components.secrets import SecretStore
from components.spec import Package, SecretRef

DIRECTORY = "backup"
"""Below the stack's root; a purge leaves it, for without the password no backup can be read."""
PASSWORD = SecretRef(name="backup.repository")
# https://restic.readthedocs.io: encrypted, deduplicated, every file named by its hash.
PACKAGE = Package(programs=("restic",), apt=("restic",), brew=("restic",))


def repository(settings: BackupSettings, root: str, stack: str) -> str:
    """Directory or URL of the stack's backups."""
    return settings.repository or str(PurePosixPath(root).parent / "backups" / stack)


def password_file(root: str) -> str:
    """Where the password of the repository lies."""
    return f"{root}/{DIRECTORY}/secrets/{PASSWORD.name}"


def credentials_file(root: str, key: str) -> str:
    """Where the owner writes what the URL of ``key``, ``repository`` or ``copy_to``, needs, if anything."""
    return f"{root}/{DIRECTORY}/secrets/{CREDENTIALS[key]}"


def prepare(
    settings: BackupSettings,
    stack: Stack,
    runtime: Runtime,
    parent: pulumi.Resource,
    after: Sequence[pulumi.Resource],
) -> None:
    """Have the program there, the password made, and the times kept."""
    root = stack.root
    package = command(
        "backup-package",
        parent=parent,
        create=call("package"),
        stdin=document({"root": root, "name": DIRECTORY, **PACKAGE.as_data()}),
    )
    SecretStore(f"{root}/{DIRECTORY}", parent).value(PASSWORD)
    words = (root, runtime.name, stack.name)
    for job, when in settings.times.items():
        kind = ("--scope", runtime.scope, "--job", job)
        command(
            f"{job}-schedule",
            parent=parent,
            create=call("schedule", "start", *words, when, *kind),
            delete=call("schedule", "stop", *words, *kind),
            after=[package, *after],
        )
