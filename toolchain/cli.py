"""Which Pulumi is used: the one on PATH, the official release, or one built here.

A Pulumi on PATH counts when it is recent enough and an official language host for Python belongs to it:
without the latter it could not run this program, and nothing of ours may be put beside it.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from toolchain import build, release, versions
from toolchain.locking import lock
from toolchain.places import Places
from toolchain.progress import say

STARTER_MARK = b"HEARTH_TOOLCHAIN"


@dataclass(frozen=True)
class Pulumi:
    """A Pulumi that can run this program."""

    executable: Path
    official: bool  # Its language host is the official one.
    on_path: bool


def find(places: Places, environment: Mapping[str, str]) -> tuple[Pulumi | None, str]:
    """The Pulumi to use without fetching anything, and why the one on PATH is not it."""
    reason = "there is no pulumi on PATH"
    found = shutil.which("pulumi", path=environment.get("PATH"))
    if found and not Path(found).resolve().is_relative_to(places.cache.resolve()):
        reason = _objection(Path(found), environment)
        if not reason:
            return Pulumi(Path(found), official=True, on_path=True), ""
    own = places.pulumi / "pulumi"
    if os.access(own, os.X_OK):
        return Pulumi(
            own, official=not _is_starter(places.pulumi / build.LANGUAGE_HOST), on_path=False
        ), reason
    return None, reason


def obtain(places: Places, environment: Mapping[str, str]) -> Pulumi:
    """The Pulumi to use; fetched or built where there is none yet."""
    chosen, reason = find(places, environment)
    if chosen:
        return chosen
    say(f"passed over: {reason}")
    with lock(places.pulumi.parent):
        chosen, _ = find(places, environment)
        if chosen:
            return chosen
        if release.fetch(places.pulumi):
            say(f"using the official Pulumi {versions.PULUMI}, in {places.pulumi}")
        else:
            build.build(places)
            say(f"using Pulumi {versions.PULUMI} built from its Go module, in {places.pulumi}")
    return Pulumi(
        places.pulumi / "pulumi", not _is_starter(places.pulumi / build.LANGUAGE_HOST), on_path=False
    )


def _objection(executable: Path, environment: Mapping[str, str]) -> str:
    beside = executable.resolve().parent / build.LANGUAGE_HOST
    elsewhere = shutil.which(build.LANGUAGE_HOST, path=environment.get("PATH"))
    hosts = [
        host for host in (beside, Path(elsewhere) if elsewhere else None) if host and os.access(host, os.X_OK)
    ]
    if not any(not _is_starter(host) for host in hosts):
        return f"{executable} has no language host for Python ({build.LANGUAGE_HOST}) beside it or on PATH"
    version = _version(executable)
    if versions.parts(version) < versions.parts(versions.PULUMI_OLDEST):
        return f"{executable} is {version or 'not working'}; {versions.PULUMI_OLDEST} or later is needed"
    return ""


def _version(executable: Path) -> str:
    environment = {**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"}
    try:
        done = subprocess.run(
            [str(executable), "version"],
            capture_output=True,
            text=True,
            timeout=20,
            env=environment,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()


def _is_starter(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return STARTER_MARK in stream.read(400)
    except OSError:
        return False
