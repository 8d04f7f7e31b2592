"""The project's virtual environment, made from its pinned requirements."""

import hashlib
import importlib
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from toolchain.locking import lock, write_whole
from toolchain.places import Places
from toolchain.progress import SetupFailed, say

STAMP = ".hearth-requirements"


def ensure(places: Places, dev: bool) -> None:
    """Make or update `.venv`; nothing is run when requirements and Python are those it was made from."""
    files = [places.project / "requirements.txt"]
    if dev:
        files.append(places.project / "requirements-dev.txt")
    if _stamp(places.venv) in _acceptable(places, files):
        return
    with lock(places.cache):
        if _stamp(places.venv) in _acceptable(places, files):
            return
        say(f"installing {' and '.join(file.name for file in files)} into {places.venv}")
        # As they are now: they may change while they are installed.
        wanted = _wanted(files)
        _install(places, files)
        write_whole(places.venv / STAMP, wanted)


def _acceptable(places: Places, files: list[Path]) -> set[str]:
    """An environment with the development packages serves where only the plain ones are asked for."""
    both = [places.project / "requirements.txt", places.project / "requirements-dev.txt"]
    return {_wanted(files), _wanted(both)}


def _wanted(files: list[Path]) -> str:
    digest = hashlib.sha256(sys.version.encode())
    for file in files:
        digest.update(file.name.encode())
        digest.update(file.read_bytes() if file.exists() else b"")
    return digest.hexdigest()


def _stamp(venv: Path) -> str | None:
    try:
        return (venv / STAMP).read_text() if (venv / "bin" / "python").exists() else None
    except OSError:
        return None


def installer(places: Places) -> list[str]:
    """The command that installs packages into the environment: uv where it is on PATH, else its own pip."""
    python, uv = str(places.venv / "bin" / "python"), shutil.which("uv")
    if uv:
        return [uv, "pip", "install", "--quiet", "--python", python]
    return [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]


def _install(places: Places, files: list[Path]) -> None:
    uv = shutil.which("uv")
    if not _whole(places.venv, uv):
        if not uv and find_spec("ensurepip") is None:
            _install_ensurepip()
        # Also over what an attempt without ensurepip, or a killed one, left without pip.
        new = [uv, "venv", "--quiet", "--seed", "--python"] if uv else [sys.executable, "-m", "venv"]
        _run([*new, sys.executable, str(places.venv)] if uv else [*new, str(places.venv)])
    _run([*installer(places), *(argument for file in files for argument in ("-r", str(file)))])


def _whole(venv: Path, uv: str | None) -> bool:
    """Whether packages can be installed into it; a half-made one has a Python and no pip."""
    pip = uv or any(venv.glob("lib/python*/site-packages/pip"))
    return bool(pip) and (venv / "bin" / "python").exists()


def _install_ensurepip() -> None:
    """Debian keeps it in a package of its own, which a machine with only python3 has not."""
    package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
    apt = shutil.which("apt-get")
    if not apt or os.geteuid() != 0:
        raise SetupFailed(f"this Python makes no virtual environments: install {package}, then again")
    say(f"installing {package}")
    _run([apt, "update", "-qq"])
    _run([apt, "install", "-y", "-qq", "--no-install-recommends", package])
    importlib.invalidate_caches()


def _run(command: list[str]) -> None:
    done = subprocess.run(command, stdout=sys.stderr, check=False)
    if done.returncode != 0:
        raise SetupFailed(f"`{' '.join(command)}` failed with status {done.returncode}")
