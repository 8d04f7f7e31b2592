"""The model with random weights, in a real Ollama."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from ops import random_model
from ops.errors import Failure
from ops.ollama import Ollama, OllamaError, full_name

START_SECONDS = 20


def program() -> str:
    """An Ollama to test with. Fails, and says where one is looked for, when there is none."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    built = sorted(
        str(path)
        for path in cache.glob("hearth/ollama/*/**/ollama")
        if os.access(path, os.X_OK) and path.is_file()
    )
    candidates = [os.environ.get("HEARTH_OLLAMA"), shutil.which("ollama"), *built]
    found = next(filter(None, candidates), None)
    if found is None:
        pytest.fail("no ollama: set HEARTH_OLLAMA, or have one on PATH or built in the cache of Hearth")
    return found


@pytest.fixture(scope="module")
def ollama(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ollama]:
    """A real server on a port of its own, with no models."""
    home = tmp_path_factory.mktemp("ollama")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = "{}:{}".format(*probe.getsockname())
    # A hub that cannot be there, so that no test depends on a network.
    environment = {
        "PATH": os.defpath,
        "HOME": str(home),
        "OLLAMA_HOST": address,
        "OLLAMA_MODELS": str(home / "models"),
        "HTTPS_PROXY": "http://127.0.0.1:1",
    }
    with (home / "log").open("w") as log:
        process = subprocess.Popen([program(), "serve"], env=environment, stdout=log, stderr=log)
    try:
        with httpx.Client(base_url=f"http://{address}", trust_env=False, timeout=60) as http:
            _wait(http, home / "log")
            yield Ollama(http, "/")
    finally:
        process.terminate()
        process.wait(20)


def _wait(http: httpx.Client, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            http.get("/api/version")
            return
        except httpx.HTTPError:
            time.sleep(0.1)
    pytest.fail(f"ollama does not answer: {log.read_text()[-1000:]}")


def test_it_is_the_same_file_every_time():
    first = random_model.content()
    assert first == random_model.content()
    assert len(first) < 600_000


def test_it_answers_in_letters(ollama):
    ollama.create(random_model.NAME, random_model.content(), random_model.PARAMETERS)
    assert full_name(random_model.NAME) in ollama.models()
    assert ollama.generates(random_model.NAME)
    parts = list(ollama.generate(random_model.NAME, "Why is the sky blue?", 40))
    text = "".join(parts)
    assert len(parts) > 10, "it comes in parts"
    assert set(text) <= set("abcdefghijklmnopqrstuvwxyz ")
    assert len(text.split()) > 2


def test_errors_of_ollama_are_told(ollama):
    with pytest.raises(OllamaError, match="not found"):
        list(ollama.generate("no-such-model", "Hello", 1))
    with pytest.raises(OllamaError, match="registry"):
        list(ollama.pull("llama3.2:1b"))


def test_what_is_no_ollama_is_told(ollama):
    with pytest.raises(Failure, match="404"):
        Ollama(ollama._http, "/elsewhere").models()


@pytest.mark.parametrize(
    ("name", "full"),
    [("a", "a:latest"), ("a:1b", "a:1b"), ("hub:5000/x/a", "hub:5000/x/a:latest"), ("x/a:1b", "x/a:1b")],
)
def test_full_names(name, full):
    assert full_name(name) == full
