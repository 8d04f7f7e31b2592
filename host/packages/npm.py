"""Programs of npm packages, in a directory of their own, with the Node.js that runs them.

https://docs.npmjs.com/cli/commands/npm-install
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from host import files
from host.packages import nodejs, search, unpacked
from host.packages.identity import Identity
from host.packages.request import Request, Unavailable
from host.stdin import progress

_INSTALL = ("install", "--no-audit", "--no-fund", "--omit=dev", "--ignore-scripts")


def provide(request: Request) -> dict[str, Path]:
    """Install the pinned packages under ``packages``; the program ``node`` is the interpreter.

    A large application has hundreds of packages, each of which could have a script run at its installation,
    as whoever installs. None is, but for the packages that the request names.
    Raises ``Unavailable`` without a fit Node.js, or with the last words of npm.
    """
    node = nodejs.node(request)
    digest = hashlib.sha256(
        "\n".join([str(node.prefix), *request.npm, "", *request.npm_scripts]).encode()
    ).hexdigest()[:12]
    # Not named by the service: workers run the same program, and it may be a gigabyte.
    target = request.packages / f"npm-{digest}"
    with files.locked(request.packages / f".npm-{digest}.lock"):
        if not target.is_dir():
            progress(f"{request.name}: installing {', '.join(request.npm)} from npm, which may take minutes")
            with unpacked.building(target) as directory:
                _npm(node, directory, *_INSTALL, *request.npm)
                if request.npm_scripts:
                    _npm(node, directory, "rebuild", *request.npm_scripts)
    bin = target / "node_modules" / ".bin"
    programs = {program: bin / request.aliases.get(program, program) for program in request.programs}
    if "node" in programs:
        programs["node"] = node.program
    absent = [program for program, path in programs.items() if not search.fit(path)]
    if absent:
        raise Unavailable(f"{', '.join(request.npm)} brings no {', '.join(absent)} that any account may run")
    return programs


def offer(request: Request) -> Identity:
    """The packages that are pinned."""
    return Identity("npm", dict(pin.rpartition("@")[::2] for pin in request.npm))


def identity(request: Request, programs: Mapping[str, Path]) -> Identity:
    """The packages that are installed; what they need in turn is theirs to pin."""
    modules = unpacked.place(request, programs) / "node_modules"
    found = {}
    for name in offer(request).versions:
        package = json.loads(files.read(modules / name / "package.json") or b"{}")
        found[name] = package.get("version", "absent")
    return Identity("npm", found)


def _npm(node: nodejs.Node, directory: Path, *words: str) -> None:
    environment = dict(
        os.environ,
        # Scripts of packages call node by its name.
        PATH=f"{node.program.parent}:{os.environ.get('PATH', os.defpath)}",
        # What is compiled here needs the header files of this very release, not fetched ones.
        npm_config_nodedir=str(node.prefix),
    )
    done = subprocess.run(
        [str(node.program), str(node.npm), *words, "--prefix", str(directory), "--loglevel=error"],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env=environment,
    )
    if done.returncode:
        raise Unavailable(f"npm {words[0]} failed: {' '.join(done.stderr.strip().splitlines()[-5:])}")
