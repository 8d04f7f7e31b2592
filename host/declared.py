"""Where a stack's file and its lock lie: in the project's directory, unless a command tries others out."""

from __future__ import annotations

import os
from pathlib import Path

from components import lock
from components.deployments import Declared
from components.lock import Lock
from host import files

ELSEWHERE = "HEARTH_CONFIGURATION"
"""Variable with the directory where a command has put another file and lock of the stack."""
# Pulumi writes it there; it is no part of what the owner declares.
_SALT = "encryptionsalt:"


def directory() -> Path:
    """Of both files."""
    return Path(os.environ.get(ELSEWHERE) or ".")


def stack_file(stack: str) -> Path:
    """What the owner writes."""
    return directory() / f"Pulumi.{stack}.yaml"


def lock_file(stack: str) -> Path:
    """What ``hearth lock`` and ``hearth upgrade`` write."""
    return directory() / lock.file_name(stack)


def read_lock(stack: str) -> Lock | None:
    """The stack's lock, if it has one. Raises ``ConfigurationError`` with every problem in it."""
    text = lock_text(stack)
    return None if text is None else lock.parse(text, lock_file(stack).name)


def lock_text(stack: str) -> str | None:
    """As the file has it; none where there is no file."""
    text = files.read(lock_file(stack))
    return None if text is None else text.decode(errors="replace")


def read(stack: str) -> Declared | None:
    """Both; none where the stack has no file here, as in a program of one's own."""
    text = files.read(stack_file(stack))
    if text is None:
        return None
    return Declared(without_salt(text.decode(errors="replace")), read_lock(stack))


def without_salt(text: str) -> str:
    """The text of a stack's file as its owner wrote it."""
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith(_SALT))


def salt(text: str) -> str:
    """The line that Pulumi has written, if any."""
    return "".join(line for line in text.splitlines(keepends=True) if line.startswith(_SALT))
