"""Looks for secrets in plain text where anybody but their service could read them."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.e2e.workbench import Workbench

_LARGEST = 64 * 1024**2


def _forms(secret: str) -> set[bytes]:
    """``secret`` raw, and the part of its base64 that does not depend on what surrounds it."""
    raw = secret.encode()
    forms = {raw, json.dumps(secret)[1:-1].encode()}
    for before in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            text = encode(b"\0" * before + raw)
            forms.add(text[4 if before else 0 : -4])
    return forms


def _files(directories: Iterable[Path]) -> Iterator[tuple[str, bytes]]:
    for directory in directories:
        for path in directory.rglob("*"):
            if path.is_file() and not path.is_symlink() and path.stat().st_size < _LARGEST:
                yield str(path), path.read_bytes()


def _processes() -> Iterator[tuple[str, bytes]]:
    for process in Path("/proc").glob("[0-9]*"):
        for name in ("cmdline", "environ"):
            try:
                yield f"{process}/{name}", (process / name).read_bytes()
            except OSError:
                continue


def _containers(stack: str) -> Iterator[tuple[str, bytes]]:
    for kind in ("container", "volume", "network"):
        listing = ["docker", kind, "ls", "-q", "--filter", f"label=hearth.stack={stack}"]
        names = subprocess.run([*listing, *(["-a"] if kind == "container" else [])],
                               capture_output=True, text=True, check=True).stdout.split()  # fmt: skip
        for name in names:
            shown = subprocess.run(["docker", "inspect", name], capture_output=True, check=True)
            yield f"docker inspect {name}", shown.stdout
            if kind == "container":
                logs = subprocess.run(["docker", "logs", name], capture_output=True, check=True)
                yield f"docker logs {name}", logs.stdout + logs.stderr


def leaks(workbench: Workbench, *, docker: bool, units: Iterable[Path] = ()) -> list[str]:
    """Places that hold a secret of the stack, in any of its forms. The secrets are random, so
    each is its own canary."""
    kept = (workbench.root / "secrets").glob("[!.]*")
    secrets = {path.name: path.read_text().strip() for path in kept}
    assert secrets and all(len(value) >= 20 for value in secrets.values())
    places: list[Iterator[tuple[str, bytes]]] = [
        _files([workbench.directory / "state", *units]),
        _files(
            path for path in workbench.root.glob("*/*")
            if path.is_dir() and path.name in ("config", "log", "run", "programs")
        ),
        _processes(),
    ]  # fmt: skip
    if docker:
        places.append(_containers(workbench.stack))
    forms = {name: _forms(value) for name, value in secrets.items()}
    return [
        f"{name} in {where}"
        for place in places
        for where, content in place
        for name, wanted in forms.items()
        if any(form in content for form in wanted)
    ]
