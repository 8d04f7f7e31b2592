"""A program built by CMake, as a recipe under ``toolchain/`` says.

``recipe.json`` there: ``{sources: {requirement, sha256, below}, options, target, program, minutes}``.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from host.packages import compiling, gobuild, recipes, search, unpacked
from host.packages.identity import Identity
from host.packages.request import Request, Unavailable
from host.stdin import progress


def provide(request: Request) -> dict[str, Path]:
    """Build, or take from the cache, and copy to where service accounts can read it.

    Raises ``Unavailable`` when there is no such recipe, no CMake, no sources, or the build fails.
    """
    recipe = _recipe(request)
    version = f"{recipe['sources']['requirement'].partition('==')[2]}-{processor()}"
    built = gobuild.cache() / str(request.cmake) / version
    return unpacked.copied(request, built, lambda: _build(recipe, str(request.cmake), built))


def offer(request: Request) -> Identity:
    """The sources that the recipe names. Raises ``Unavailable`` when there is none."""
    sources = _recipe(request)["sources"]
    name, _, version = sources["requirement"].partition("==")
    return Identity("cmake", {name: version}, {name: f"sha256:{sources['sha256']}"})


def identity(request: Request, programs: Mapping[str, Path]) -> Identity:
    """The sources of what was built."""
    known = offer(request)
    (name,) = known.versions
    version = unpacked.version(request, programs).rpartition("-")[0]
    return Identity("cmake", {name: version}, known.digests if known.versions[name] == version else {})


def _recipe(request: Request) -> dict[str, Any]:
    path = gobuild.MODULES / str(request.cmake) / "recipe.json"
    if not path.is_file():
        raise Unavailable(f"toolchain/{request.cmake} has no recipe")
    return json.loads(path.read_text())


def processor() -> str:
    """Changes with what the processor can do: a build for one may not run on another."""
    features = platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        features += next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return hashlib.sha256(features.encode()).hexdigest()[:8]


def _build(recipe: dict[str, Any], name: str, built: Path) -> None:
    """Build into ``built``. A build that was interrupted goes on where it stopped."""
    began = time.monotonic()
    cmake = search.executable("cmake")
    if not cmake:
        raise Unavailable("no cmake here; install cmake and a C++ compiler")
    sources, work = (built.with_name(f"{kind}-{built.name}") for kind in ("sources", "build"))
    if not sources.is_dir():
        wanted = recipe["sources"]
        recipes.fetch(sources, **{key: wanted[key] for key in ("requirement", "sha256", "below")})
    prepare = [cmake, "-S", str(sources), "-B", str(work), "-DCMAKE_BUILD_TYPE=Release", *recipe["options"]]
    compile_ = [cmake, "--build", str(work), "--target", recipe["target"], "--parallel", str(os.cpu_count())]
    for argv in (prepare, compile_):
        compiling.run(argv, name, recipe["minutes"], built.with_name("build.log"))
    with unpacked.building(built) as directory:
        shutil.copy(work / recipe["program"], directory)
    for directory in (sources, work):
        shutil.rmtree(directory)
    progress(f"{name}: built in {time.monotonic() - began:.0f} s")
