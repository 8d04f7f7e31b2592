"""Building the tool of a Go tools module, with a line of progress now and then."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from host import files
from host.packages import compiling, golang, recipes, unpacked
from host.packages.request import Unavailable
from host.stdin import progress
from toolchain import versions

MODULES = Path(__file__).resolve().parents[2] / "toolchain"
MINUTES = 4


@dataclass(frozen=True)
class Module:
    """A tools module: one ``tool`` of a pinned ``version`` (without the ``v``)."""

    name: str
    directory: Path
    tool: str
    version: str
    go: str
    """Path of a Go that its ``go`` line allows."""
    tags: str = ""
    """Build tags, which are part of what is built: another directory in the cache."""

    @property
    def built(self) -> Path:
        """Where the cache keeps it."""
        return cache() / self.name / (f"{self.version}+{self.tags}" if self.tags else self.version)


def cache() -> Path:
    """Where built programs are kept between stacks."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hearth"


def module(name: str) -> Module:
    """Read ``toolchain/NAME/go.mod``. Raises ``Unavailable`` when it is missing or declares no tool."""
    directory = MODULES / name
    if not (directory / "go.mod").is_file():
        raise Unavailable(f"toolchain/{name} is no Go module")
    # Told before any Go is asked: an older one would go and fetch a newer.
    needed = re.search(r"^go (\S+)", (directory / "go.mod").read_text(), re.MULTILINE)
    go = golang.go(cache() / "go", max(golang.OLDEST, versions.parts(needed[1] if needed else "")))
    done = subprocess.run(
        [go, "mod", "edit", "-json"],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Unavailable(f"toolchain/{name}/go.mod: {done.stderr.strip()}")
    parsed = json.loads(done.stdout)
    tools = [entry["Path"] for entry in parsed.get("Tool") or []]
    required = {entry["Path"]: entry["Version"] for entry in parsed.get("Require") or []}
    owner = max(
        (path for path in required if tools and f"{tools[0]}/".startswith(f"{path}/")), key=len, default=None
    )
    if owner is None:
        raise Unavailable(f"toolchain/{name}/go.mod declares no tool with a required version")
    version = required[owner].removeprefix("v")
    return Module(name, directory, tools[0], version, go, recipes.tags(directory))


def kept(module: Module) -> Path:
    """Its directory in the cache, built when it is not there yet. Raises as ``build`` does."""
    module.built.parent.mkdir(parents=True, exist_ok=True)
    with files.locked(module.built.parent / ".lock"):
        if not module.built.is_dir():
            build(module)
    return module.built


def build(module: Module) -> None:
    """Build into its directory of the cache.

    Raises ``Unavailable`` with the compiler's last lines. The caller holds a lock.
    """
    began = time.monotonic()
    with unpacked.building(module.built) as directory:
        recipe = recipes.of(module.directory, module.version, module.built.parent)
        argv = [
            module.go,
            "build",
            "-trimpath",
            "-buildvcs=false",
            f"-ldflags=-s -w {recipe.ldflags}".strip(),
            f"-tags={module.tags}",
            "-o",
            f"{directory}/",
            module.tool,
        ]
        env = dict(os.environ, GOTOOLCHAIN="local", GOFLAGS="-mod=readonly", GOWORK="off", **recipe.env)
        compiling.run(
            argv,
            f"{module.name} {module.version}",
            MINUTES,
            module.built.parent / "build.log",
            cwd=module.directory,
            env=env,
        )
    progress(f"{module.name} {module.version}: built in {time.monotonic() - began:.0f} s")
