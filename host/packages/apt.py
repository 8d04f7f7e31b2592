"""Debian packages, without the distribution starting its own copy of the service."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from host import files
from host.packages import identity, search
from host.packages.identity import Identity
from host.packages.request import Request, Unavailable
from host.stdin import progress

POLICY = Path("/usr/sbin/policy-rc.d")
NO_CLUSTER = Path("/etc/postgresql-common/createcluster.d/hearth.conf")
LOCK = Path(tempfile.gettempdir() if sys.platform != "linux" else "/run/lock") / "hearth-apt.lock"
UPDATED = LOCK.with_suffix(".updated")
NEW_SECONDS = 3600
SOURCES = (Path("/etc/apt"), Path("/etc/apt/sources.list"), Path("/etc/apt/sources.list.d"))
WAIT = "DPkg::Lock::Timeout=600"


def provide(request: Request) -> dict[str, Path]:
    """Install the packages. Raises ``Unavailable`` where there is no apt, no root, or no such package."""
    if not search.executable("apt-get"):
        raise Unavailable("not a Debian system")
    locked = (request.locked or {}).get("versions", {})
    words = [f"{name}={version}" for name, version in locked.items()] or request.apt
    command = f"apt-get install --no-install-recommends {' '.join(words)}"
    if os.geteuid() != 0:
        lacking = _without_candidate(request.apt)
        raise Unavailable(
            f"no package {', '.join(lacking)}"
            if lacking
            else f"not run as root; `sudo {command}`, then run this again"
        )
    with files.locked(LOCK):
        lacking = _without_candidate(request.apt)
        if lacking and not _lists_are_new():
            progress(f"{request.name}: apt-get update")
            _apt("update", "-qq")
            files.write(UPDATED, b"", mode=0o644)
            lacking = _without_candidate(request.apt)
        if lacking:
            raise Unavailable(f"this distribution has no package {', '.join(lacking)}")
        progress(f"{request.name}: {command}")
        with _services_refused(), _no_cluster(request.apt):
            _apt("install", "-y", "-qq", "--no-install-recommends", "--allow-downgrades", *words)
    return search.find(request)


def offer(request: Request) -> Identity:
    """The newest of each package. Raises ``Unavailable`` as ``provide`` does."""
    if not search.executable("apt-get") or os.geteuid() != 0:
        raise Unavailable("not a Debian system, or not run as root")
    found = candidates(request.apt)
    lacking = [name for name in request.apt if name not in found]
    if lacking:
        raise Unavailable(f"this distribution has no package {', '.join(lacking)}")
    if identity.installed(request.apt) == found:
        raise Unavailable("its newest packages are here, and unfit")
    return Identity("apt", found)


def _lists_are_new() -> bool:
    """Whether they were fetched for another service a while ago, from the sources of now."""
    try:
        fetched = UPDATED.stat().st_mtime
    except FileNotFoundError:
        return False
    named = max(path.stat().st_mtime for path in SOURCES if path.exists())
    return named < fetched and time.time() - fetched < NEW_SECONDS


def _without_candidate(names: tuple[str, ...]) -> list[str]:
    found = candidates(names)
    return [name for name in names if name not in found]


def candidates(names: tuple[str, ...]) -> dict[str, str]:
    """The version of each package that would be installed, where there is any."""
    done = subprocess.run(
        ["apt-cache", "policy", *names], capture_output=True, text=True, check=False, env=_environment()
    )
    found, name = {}, ""
    for line in done.stdout.splitlines():
        if not line.startswith(" "):
            name = line.rstrip(":")
        elif line.strip().startswith("Candidate:"):
            found[name] = line.split(":", 1)[1].strip()
    return {name: version for name, version in found.items() if version != "(none)"}


def _apt(*arguments: str) -> None:
    done = subprocess.run(
        ["apt-get", "-o", WAIT, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        env=_environment(),
    )
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-3:]
        raise Unavailable(f"apt-get {arguments[0]} failed: {' '.join(last)}")


@contextlib.contextmanager
def _services_refused() -> Iterator[None]:
    """Have the packages' scripts start no service.

    A policy left by a kill refuses nothing: it asks whether we live.
    """
    saved = POLICY.with_name("policy-rc.d.before-hearth")
    if POLICY.exists() and not saved.exists() and "by hearth" not in POLICY.read_text(errors="replace"):
        POLICY.rename(saved)
    script = (
        f"#!/bin/sh\n# Made by hearth for one installation.\nkill -0 {os.getpid()} 2>/dev/null && exit 101\n"
        f'[ -x {saved} ] && exec {saved} "$@"\nexit 0\n'
    )
    files.write(POLICY, script.encode(), mode=0o755)
    try:
        yield
    finally:
        saved.replace(POLICY) if saved.exists() else files.remove(POLICY)


@contextlib.contextmanager
def _no_cluster(names: tuple[str, ...]) -> Iterator[None]:
    """Have postgresql-common make no database cluster of its own."""
    if not any(name.startswith("postgresql") for name in names):
        yield
        return
    NO_CLUSTER.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    files.write(NO_CLUSTER, b"create_main_cluster = false\n", mode=0o644)
    try:
        yield
    finally:
        files.remove(NO_CLUSTER)


def _environment() -> dict[str, str]:
    # A frozen front end also for needrestart, which would restart services at will.
    return dict(os.environ, DEBIAN_FRONTEND="noninteractive", NEEDRESTART_MODE="l", LC_ALL="C.UTF-8")
