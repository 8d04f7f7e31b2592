"""What a backup has of Ollama's models: all but the weights, and nothing that is there is touched by a restore."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path

import pytest

from components.catalog.ollama import CAPTURES

PARTS, MODELS = CAPTURES
_KIND = "application/vnd.ollama.image."


def call(models: Path, *argv: str, text: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    env = {"PATH": f"{models.parent}/bin:{os.environ['PATH']}", "OLLAMA_MODELS": str(models)}
    return subprocess.run(argv, env=env, input=text, capture_output=True, check=False)


def blob(models: Path, content: bytes) -> str:
    digest = hashlib.sha256(content).hexdigest()
    path = models / "blobs" / f"sha256-{digest}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return f"sha256:{digest}"


def model(models: Path, name: str, **layers: bytes) -> None:
    """Written as Ollama does: one line."""
    manifest = {
        "schemaVersion": 2,
        "config": {
            "mediaType": "application/vnd.docker.container.image.v1+json",
            "digest": blob(models, name.encode()),
        },
        "layers": [
            {"mediaType": f"{_KIND}{kind}", "digest": blob(models, content), "size": len(content)}
            for kind, content in layers.items()
        ],
    }
    path = models / "manifests" / "registry.ollama.ai" / "library" / name / "latest"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(manifest, separators=(",", ":")))


@pytest.fixture
def models(tmp_path: Path) -> Path:
    made = tmp_path / "models"
    model(made, "base", model=b"weights", projector=b"eyes", license=b"free")
    model(made, "mine", model=b"weights", system=b"you are mine", adapter=b"low rank")
    return made


def test_everything_but_weights_comes_back(models: Path, tmp_path: Path) -> None:
    saved = call(models, *PARTS.save)
    assert saved.returncode == 0, saved.stderr
    told = call(models, *PARTS.tally, text=saved.stdout).stdout.decode().splitlines()
    heavy = {f"blobs/sha256-{hashlib.sha256(content).hexdigest()}" for content in (b"weights", b"eyes")}
    files = {str(path.relative_to(models)) for path in models.rglob("*") if path.is_file()}
    assert set(told) == files - heavy and len(told) == len(files) - 2
    other = tmp_path / "other"
    loaded = call(other, *PARTS.load, text=saved.stdout)
    assert loaded.returncode == 0, loaded.stderr
    assert {
        str(path.relative_to(other)): path.read_bytes() for path in other.rglob("*") if path.is_file()
    } == {name: (models / name).read_bytes() for name in told}


def test_what_is_there_stays(models: Path) -> None:
    saved = call(models, *PARTS.save).stdout
    manifest = next(models.rglob("base/latest"))
    manifest.write_text("{newer}")
    next(models.rglob("mine/latest")).unlink()
    assert call(models, *PARTS.load, text=saved).returncode == 0
    assert manifest.read_text() == "{newer}" and list(models.rglob("mine/latest"))
    assert not (models / ".restored").exists()


def test_without_models_there_is_nothing(tmp_path: Path) -> None:
    saved = call(tmp_path / "none", *PARTS.save)
    assert saved.returncode == 0 and call(tmp_path, *PARTS.tally, text=saved.stdout).stdout == b""


def test_what_the_hub_does_not_have_is_named_and_the_rest_is_pulled(models: Path) -> None:
    programs = models.parent / "bin"
    programs.mkdir()
    # `mine` is whole once the weights of `base` are there, and `lost` is nowhere.
    (programs / "ollama").write_text(
        '#!/bin/sh\ncase "$1 $2" in\n"pull base") touch "$OLLAMA_MODELS/weights" ;;\n'
        '"show base"|"show mine") [ -e "$OLLAMA_MODELS/weights" ] ;;\n*) exit 1 ;;\nesac\n'
    )
    (programs / "ollama").chmod(0o755)
    loaded = call(models, *MODELS.load, text=b"base 1\nlost 2\nmine 3\n")
    assert loaded.returncode == 1 and loaded.stderr == b"cannot be had: lost\n"
    assert call(models, *MODELS.load, text=b"base 1\nmine 3\n").returncode == 0
    assert call(models, *MODELS.load, text=b"").returncode == 0
