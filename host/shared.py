"""``directories PATH...``: make directories that belong to whoever deploys, for others to read."""

from __future__ import annotations

from pathlib import Path

from host import files
from host.errors import HostError


def main(arguments: list[str]) -> str:
    """Make each of them, and its parents. Idempotent."""
    paths = [Path(argument) for argument in arguments]
    if not paths or not all(path.is_absolute() for path in paths):
        raise HostError("usage: directories PATH...")
    for path in paths:
        files.directory(path, mode=0o755)
    return f"directories: {', '.join(arguments)}"
