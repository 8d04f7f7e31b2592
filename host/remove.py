"""``remove ROOT RUNTIME SERVICE [--scope user|system] [--unit PATH]``: stop, and keep the data."""

from __future__ import annotations

import shutil
from pathlib import Path

from host import files, layout, managers, notes
from host.errors import HostError

USAGE = "usage: remove ROOT launchd|systemd|supervisord SERVICE [--scope user|system] [--unit PATH]"


def main(arguments: list[str]) -> str:
    """Parse the arguments and remove."""
    import argparse

    parser = argparse.ArgumentParser(prog="remove", usage=USAGE.removeprefix("usage: "))
    parser.add_argument("root", type=Path)
    parser.add_argument("runtime")
    parser.add_argument("service")
    parser.add_argument("--scope", default="system", choices=("user", "system"))
    parser.add_argument("--unit", type=Path)
    options = parser.parse_args(arguments)
    return remove(options.root, options.runtime, options.service, options.scope, options.unit)


def remove(root: Path, runtime: str, service: str, scope: str = "system", unit: Path | None = None) -> str:
    """Stop the service, remove its unit and configuration; keep data, secrets and logs.

    Fine when nothing is there. Raises ``HostError`` when the manager cannot be reached or the
    service does not stop.
    """
    if not root.is_absolute() or not service or "/" in service:
        raise HostError(USAGE)
    home = root / service
    if not home.is_dir() and unit is None:
        return f"{service}: nothing to remove"
    home.mkdir(mode=0o750, exist_ok=True, parents=True)
    with files.locked(home / ".lock"):
        known = notes.read(home)
        latest = known.applied or known.unfinished
        unit = unit or (latest.unit.path if latest else managers.default_unit(runtime, root, service, scope))
        managers.make(runtime, root, service, scope, unit).forget()
        layout.uninstall(known.known_files, home)
        for name in ("config", "run", "source"):
            shutil.rmtree(home / name, ignore_errors=True)
        notes.forget(home)
    return f"{service}: removed; its data is kept in {home}"
