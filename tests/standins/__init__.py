"""What stands in, in tests alone, for programs that a machine with nothing but package registries cannot get.

- ``mongod``: FerretDB, which speaks MongoDB's protocol and keeps documents in SQLite. It lets everybody in.
- ``mongosh``: does nothing, for there are no users to make.
- ``cadvisor``: cAdvisor's own library, with a launcher of ours: metrics and ``/healthz``, no page and no API.
- ``neo4j`` and ``neo4j-admin``: Neo4j's own kernel, Bolt and administration from Maven Central. What they lack is
  the launcher, the HTTP API and the page.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from host import files
from host.packages import gobuild, golang, unpacked
from tests.support.tools import tool

HERE = Path(__file__).parent
_COPY = "org.apache.maven.plugins:maven-dependency-plugin:2.8:copy-dependencies"
_NEO4J = """#!/bin/sh
# Stands in for Neo4j's launcher.
[ "$1" = --version ] && echo 5.26.0 && exit
heap=$(sed -n 's/^server.memory.heap.max_size=//p' "$NEO4J_CONF/neo4j.conf")
exec java -Xmx"$heap" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp '{home}:{home}/lib/*' Neo4jStandIn "$@"
"""
_NEO4J_ADMIN = """#!/bin/sh
# Stands in for Neo4j's launcher; the administration is its own.
NEO4J_HOME="$HOME" exec java -cp '{home}/lib/*' org.neo4j.cli.AdminTool "$@"
"""


def recipe(name: str) -> str:
    """What changes with our directory ``name``."""
    found = b"".join(path.read_bytes() for path in sorted((HERE / name).iterdir()))
    return hashlib.sha256(found).hexdigest()[:12]


def _built(name: str, build: Callable[[Path, Path], None]) -> Path:
    """The directory that ``build`` fills from our directory ``name``, kept for the next time."""
    kept = gobuild.cache() / "standins"
    kept.mkdir(parents=True, exist_ok=True)
    target = kept / f"{name}-{recipe(name)}"
    with files.locked(kept / ".lock"):
        if not target.is_dir():
            with unpacked.building(target) as directory:
                build(HERE / name, directory)
    return target


def _go(program: str) -> Callable[[Path, Path], None]:
    """What builds the program from the Go module in a directory."""

    def build(source: Path, target: Path) -> None:
        env = dict(os.environ, GOTOOLCHAIN="local", GOFLAGS="-mod=readonly", GOWORK="off", CGO_ENABLED="0")
        go = golang.go(gobuild.cache() / "go")
        words = [go, "build", "-ldflags=-s -w", "-o", target / program, "."]
        subprocess.run(words, cwd=source, env=env, check=True)

    return build


def _neo4j(source: Path, target: Path) -> None:
    options = [f"-DoutputDirectory={target / 'lib'}", "-DincludeScope=runtime"]
    subprocess.run([tool("mvn"), "-q", "-B", "-f", source / "pom.xml", _COPY, *options], check=True)
    subprocess.run(
        [tool("javac"), "-cp", f"{target}/lib/*", "-d", target, *source.glob("*.java")], check=True
    )


def ferretdb() -> Path:
    """A directory with the program ``mongod``."""
    return _built("ferretdb", _go("mongod"))


def cadvisor() -> Path:
    """A directory with the program ``cadvisor``."""
    return _built("cadvisor", _go("cadvisor"))


def neo4j() -> Path:
    """A directory with Neo4j's classes and, under ``lib``, its jars."""
    return _built("neo4j", _neo4j)


def lay_out(directory: Path) -> None:
    """Put all of them into ``directory``, where any account can run them."""
    directory.mkdir()
    shutil.copy(ferretdb() / "mongod", directory)
    home = directory / "neo4j-home"
    shutil.copytree(neo4j(), home)
    scripts = {
        "mongosh": "#!/bin/sh\n",
        "neo4j": _NEO4J.format(home=home),
        "neo4j-admin": _NEO4J_ADMIN.format(home=home),
    }
    for name, text in scripts.items():
        (directory / name).write_text(text)
        (directory / name).chmod(0o755)
    for path in [directory, *directory.rglob("*")]:
        path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044))
