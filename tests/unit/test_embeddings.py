"""Embeddings: one set of options for two programs, within the CPU budget."""

from __future__ import annotations

import ast
from typing import Any

import pytest
from support.stacks import REPOSITORY, plan, values

from components.errors import ConfigurationError
from components.spec import ServiceSpec

SERVER = REPOSITORY / "templates" / "embeddings" / "server.py"


def embeddings(runtime: str = "docker", **settings: Any) -> ServiceSpec:
    keys = {key.replace("_", "-"): value for key, value in settings.items()}
    return plan(values(runtime, {"embeddings": keys})).service("embeddings")


@pytest.mark.parametrize(
    ("model", "given"),
    [
        ("BAAI/bge-small-en-v1.5", "BAAI/bge-small-en-v1.5"),
        ("tiny", "/var/lib/hearth/tiny"),
        ("/models/tiny", "/models/tiny"),
    ],
)
def test_a_model_is_a_repository_or_a_directory(model: str, given: str) -> None:
    spec = embeddings(model=model)
    assert spec.process.argv[spec.process.argv.index("--model-id") + 1] == given
    assert ("egress" in spec.networks) is (model == given and not model.startswith("/"))


@pytest.mark.parametrize("model", ["", "a/b/c", "a b", "https://example.org/a"])
def test_another_model_is_refused(model: str) -> None:
    with pytest.raises(ConfigurationError, match=r"hearth:services\.embeddings\.model"):
        embeddings(model=model)


def test_threads_are_the_cores_that_it_may_use() -> None:
    spec = embeddings(cpus=2)
    assert {spec.process.env[f"{name}_NUM_THREADS"] for name in ("OMP", "MKL", "RAYON")} == {"2"}
    assert embeddings().process.env["OMP_NUM_THREADS"] == "8"


@pytest.mark.parametrize("runtime", ["docker", "supervisord"])
def test_nothing_is_reported_to_anybody(runtime: str) -> None:
    env = embeddings(runtime).process.env
    assert env["ORT_DISABLE_TELEMETRY"] == env["HF_HUB_DISABLE_TELEMETRY"] == "1"


def test_pooling_is_the_models_own_unless_said() -> None:
    assert "--pooling" not in embeddings().process.argv
    assert embeddings(pooling="cls").process.argv[-2:] == ("--pooling", "cls")


def test_our_own_server_takes_every_option_that_is_given() -> None:
    known = {
        node.args[0].value
        for node in ast.walk(ast.parse(SERVER.read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "add_argument"
    }
    given = {word for word in embeddings(pooling="cls").process.argv if word.startswith("--")}
    assert given <= known


def test_the_server_is_installed_as_it_is_written() -> None:
    assert list(embeddings().package.scripts.values()) == [SERVER.read_text()]
