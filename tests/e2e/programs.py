"""Programs of the catalogue, from wherever the host runtimes would take them."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from components.catalog import llama_cpp
from components.spec import Package

PROJECT = Path(__file__).parents[2]


def programs(name: str, package: Package, root: Path) -> Path:
    """The directory of the links to them. What is built is kept in the user's cache."""
    request = {"root": str(root), "name": name, **asdict(package)}
    subprocess.run(
        [sys.executable, "-m", "host", "package"],
        cwd=PROJECT, input=json.dumps(request), text=True, check=True,
    )  # fmt: skip
    return root / "bin"


def prepare() -> None:
    """Build what takes minutes and is in no image."""
    with tempfile.TemporaryDirectory() as scratch:
        programs("llama-cpp", llama_cpp.PACKAGE, Path(scratch))
