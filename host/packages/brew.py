"""Homebrew formulae."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from host.packages import search
from host.packages.identity import Identity
from host.packages.request import Request, Unavailable
from host.stdin import progress


def provide(request: Request) -> dict[str, Path]:
    """Install the formulae; their services are not started.

    Raises ``Unavailable`` without Homebrew or as root.
    """
    brew = _program(request)
    progress(f"{request.name}: brew install {' '.join(request.brew)}")
    done = _brew(brew, "install", "--quiet", *request.brew)
    if done.returncode:
        raise Unavailable(f"brew install failed: {' '.join(done.stderr.strip().splitlines()[-3:])}")
    return _of_formulae(request, Path(_brew(brew, "--prefix").stdout.strip())) or search.find(request)


def offer(request: Request) -> Identity:
    """The formulae as Homebrew has them now. Raises ``Unavailable`` as ``provide`` does."""
    done = _brew(_program(request), "info", "--json=v2", *request.brew)
    if done.returncode:
        raise Unavailable(f"brew info failed: {' '.join(done.stderr.strip().splitlines()[-3:])}")
    found = json.loads(done.stdout)["formulae"]
    return Identity("brew", {one["name"]: _version(one) for one in found})


def _version(formula: Mapping[str, Any]) -> str:
    """As the directory in the Cellar is called: https://docs.brew.sh/Formula-Cookbook#formulae-revisions"""
    revision = formula.get("revision") or 0
    return formula["versions"]["stable"] + (f"_{revision}" if revision else "")


def _program(request: Request) -> str:
    brew = search.executable("brew")
    if not brew:
        raise Unavailable("no Homebrew here")
    if os.geteuid() == 0:
        raise Unavailable(
            f"Homebrew refuses root; run `brew install {' '.join(request.brew)}` as its owner, then this"
        )
    return brew


def _brew(brew: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [brew, *arguments],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env=dict(os.environ, HOMEBREW_NO_AUTO_UPDATE="1", HOMEBREW_NO_ENV_HINTS="1"),
    )


def _of_formulae(request: Request, prefix: Path) -> dict[str, Path] | None:
    """The programs where the formulae asked for keep theirs, or None when they do not have them all.

    A versioned formula is keg-only, and what is linked into ``bin`` may be of another version.
    """
    places = [prefix / "opt" / name / "bin" for name in request.brew]
    found = {
        program: place / program
        for place in reversed(places)
        for program in request.programs
        if os.access(place / program, os.X_OK)
    }
    return found if len(found) == len(request.programs) else None
