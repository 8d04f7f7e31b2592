"""Formulae for the stand-in of Homebrew, with this machine's programs, and a view of it without those."""

from __future__ import annotations

import json
import pwd
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from components.spec import ServiceSpec
from host.packages import search
from tests.e2e.workbench import PROJECT

# An account that every system has: PostgreSQL asks for its name.
USER = pwd.getpwnam("daemon").pw_uid


def stock(store: Path, source: Path, spec: ServiceSpec) -> set[Path]:
    """Fill the formulae of a service below ``store``. Returns where the system has the same programs."""
    request = {"root": str(source), "name": spec.name, **asdict(spec.package)}
    subprocess.run(
        [sys.executable, "-m", "host", "package"], cwd=PROJECT, input=json.dumps(request), text=True,
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    for formula in spec.package.brew:
        (store / formula / "bin").mkdir(parents=True)
    directory = store / spec.package.brew[0] / "bin"
    for program in spec.package.programs:
        found = (source / "bin" / program).resolve()
        if source in found.parents:
            # It finds its libraries from where it lies.
            (directory / program).symlink_to(found)
        else:
            shutil.copy(found, directory / program)
    paths = {(place / name).resolve() for place in search.directories() for name in spec.package.programs}
    return {path for path in paths if path.is_file() and source not in path.parents}


def elsewhere(hidden: Iterable[Path]) -> list[str]:
    """A command that runs another as an ordinary user of a machine without the files ``hidden``.

    Two namespaces: in the outer one the files are hidden; in the inner one whoever runs this is ``USER``,
    for Homebrew, and PostgreSQL, refuse root.
    """
    lines = [f"mount --bind /dev/null {shlex.quote(str(path))}" for path in sorted(hidden)]
    lines.append(f'exec unshare --user --map-user={USER} --map-group={USER} -- "$@"')
    return ["unshare", "--map-root-user", "--mount", "sh", "-ec", "\n".join(lines), "elsewhere"]
