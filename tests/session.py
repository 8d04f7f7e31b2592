"""All tests but the long ones, in one session with a Docker daemon: ``python -m tests.session [PYTEST OPTIONS]``.

``-m long`` runs those instead.

What takes minutes is built first, with progress lines. The end-to-end tests come last and by
themselves: some of them own the machine's systemd directories for a while.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests import standins
from tests.e2e.daemon import docker_daemon
from tests.e2e.image import image
from tests.e2e.programs import prepare
from tests.support.built import built

# In the order of their names: by themselves, files with one long test would be run last, one after the other.
_PYTEST = (
    *(sys.executable, "-m", "pytest", "-q", "-m", "not long"),
    # More than cores: many wait for what they have started.
    *("-n", "3", "--dist", "loadfile", "--no-loadscope-reorder"),
)


def main(options: list[str]) -> int:
    """The first exit status that is not 0, else 0."""
    # A thousand short processes would each compile what they import.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as scratch, docker_daemon(Path(scratch) / "dockerd.log"):
        # The image takes it along.
        print(
            f"tests: cAdvisor's library with a launcher of the tests, {standins.cadvisor().name}", flush=True
        )
        print(f"tests: container image {image()}", flush=True)
        prepare()
        print(f"tests: stand-ins {standins.ferretdb().name}, {standins.neo4j().name}", flush=True)
        for name in ("loki", "promtail", "rest-server", "versitygw"):
            print(f"tests: {built(name)}", flush=True)
        ruff = [sys.executable, "-m", "ruff", "check", "--quiet", "."]
        if status := subprocess.run(ruff, check=False).returncode:
            return status
        for selection in (("--ignore", "tests/e2e", "--ignore", "tests/large", "tests"), ("tests/e2e",)):
            status = subprocess.run([*_PYTEST, *selection, *options], check=False).returncode
            if status:
                return status
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
