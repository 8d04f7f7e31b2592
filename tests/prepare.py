"""Builds what takes minutes, with progress lines, before the tests that use it: ``python -m tests.prepare``."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.e2e.daemon import docker_daemon
from tests.e2e.image import image


def main() -> None:
    """The container image of the end-to-end tests, and with it Ollama."""
    with tempfile.TemporaryDirectory() as scratch, docker_daemon(Path(scratch) / "dockerd.log"):
        print(f"tests: container image {image()}")


if __name__ == "__main__":
    main()
