"""Which provider plugins are used: the official ones where they are or can be had, else the stand-ins.

The engine looks for a plugin on PATH, then in `$PULUMI_HOME/plugins`; for one found on PATH it prints a
warning in every run (`getPluginInfoAndPath` in sdk/go/common/workspace/plugins.go). So the stand-ins are
offered in a plugin directory, and that is one of their own: in the user's, any other Pulumi of the user
would take them for the official plugins.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from toolchain import build, reach, versions
from toolchain.cli import Pulumi
from toolchain.locking import lock, write_whole
from toolchain.places import Places
from toolchain.progress import say

DOWNLOAD_SITES = ("https://get.pulumi.com", "https://github.com")
INSTALL_SECONDS = 300
# Where the official plugins could not be had: not asked for again in every setup, but on another day.
TRIED = ".official-plugins-tried"
TRY_AGAIN_SECONDS = 24 * 3600


def official(places: Places, pulumi: Pulumi, environment: Mapping[str, str]) -> bool:
    """Whether this run uses nothing of `toolchain`: the language host and both plugins are official ones."""
    return pulumi.official and not absent(places, environment)


def absent(places: Places, environment: Mapping[str, str]) -> dict[str, str]:
    """The official plugins that are not installed for this user."""
    return {
        name: version
        for name, version in versions.plugins(places.project).items()
        if not _installed(places.user_pulumi, name, version)
        and not shutil.which(f"pulumi-resource-{name}", path=environment.get("PATH"))
    }


def ensure(places: Places, pulumi: Pulumi, environment: Mapping[str, str]) -> None:
    """Install the official plugins, or see that the stand-ins can be found."""
    if pulumi.official:
        lacking = absent(places, environment)
        if not lacking or (not _tried_lately(places) and _install(pulumi, lacking)):
            return
    wanted = _stand_ins(places)
    if not stand_ins_ready(places) or (pulumi.official and not _tried_lately(places)):
        with lock(places.stand_in_home):
            for path, text in wanted.items():
                write_whole(path, text, 0o755)
            write_whole(places.stand_in_home / TRIED, "")
        say("using the stand-in plugins of this project for command and docker")


def _tried_lately(places: Places) -> bool:
    try:
        return time.time() - (places.stand_in_home / TRIED).stat().st_mtime < TRY_AGAIN_SECONDS
    except OSError:
        return False


def stand_ins_ready(places: Places) -> bool:
    """Whether the stand-ins can be found by the engine."""
    return all(_same(path, text) for path, text in _stand_ins(places).items())


def _stand_ins(places: Places) -> dict[Path, str]:
    directory = places.stand_in_home / "plugins"
    return {
        directory / f"resource-{name}-v{version}" / f"pulumi-resource-{name}": build.starter(
            f"pulumi-resource-{name}"
        )
        for name, version in versions.plugins(places.project).items()
    }


def _same(path: Path, text: str) -> bool:
    try:
        return path.read_text() == text and os.access(path, os.X_OK)
    except OSError:
        return False


def _installed(home: Path, name: str, version: str) -> bool:
    directory = home / "plugins" / f"resource-{name}-v{version}"
    # The engine keeps a `.partial` file beside a plugin whose download has not ended.
    return (
        os.access(directory / f"pulumi-resource-{name}", os.X_OK)
        and not directory.with_name(f"{directory.name}.partial").exists()
    )


def _install(pulumi: Pulumi, lacking: dict[str, str]) -> bool:
    if reach.offline() or not any(reach.answers(site) for site in DOWNLOAD_SITES):
        say(f"passed over: the official plugins, no download site answered within {reach.SECONDS:g} s")
        return False
    for name, version in lacking.items():
        say(f"installing the official plugin {name} {version}")
        command = [str(pulumi.executable), "plugin", "install", "resource", name, version]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            say(f"passed over: the official plugin {name}, not installed within {INSTALL_SECONDS} s")
            return False
        if done.returncode != 0:
            say(f"passed over: the official plugin {name}: {done.stderr.strip().splitlines()[-1:]}")
            return False
    return True
