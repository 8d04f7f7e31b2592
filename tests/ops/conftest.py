"""A project of its own for each test, and commands run in it."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

# For the modules beside the tests, which pytest's import mode does not find.
sys.path.insert(0, str(Path(__file__).parent))

import behind_urls
from ops_project import PULUMI, REPOSITORY, Project, Result
from small_stack import SmallStack
from support.backup_servers import Server
from support.ports import free_port

from host.managers import orphans
from ops.__main__ import main
from ops.backup.places import Place
from tests.host.machine import Machine


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """An empty project, entered."""
    pulumi = tmp_path / "bin" / "pulumi"
    pulumi.parent.mkdir()
    pulumi.write_text(PULUMI.format(directory=tmp_path))
    pulumi.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{pulumi.parent}:/usr/bin:/bin")
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    monkeypatch.setenv("HEARTH_STACK", "test")
    return Project(tmp_path, tmp_path / "data")


@pytest.fixture
def stack(project: Project) -> Project:
    """A stack that is configured, with backups, and not deployed."""
    project.stack({"redis": {"port": free_port()}})
    path = project.path / "Pulumi.test.yaml"
    document = yaml.safe_load(path.read_text())
    document["config"]["hearth:backup"] = {}
    path.write_text(yaml.safe_dump(document))
    return project


@pytest.fixture
def hearth(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Run a command in this process."""

    def run(*arguments: str) -> Result:
        monkeypatch.setattr(sys, "argv", ["hearth", *arguments])
        try:
            status = main()
        except SystemExit as end:
            status = int(end.code or 0)
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return Result(status, captured.out, captured.err)

    return run


@pytest.fixture
def small(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., SmallStack]]:
    """Makes the small stack on a port, with keys of ``hearth:backup``; it ends with the test."""
    # In memory: a hundred runs wait for a disk that others use as well.
    root = Path(tempfile.mkdtemp(prefix="hearth-", dir="/dev/shm"))
    root.chmod(0o755)
    project.stack({"redis": {}})
    project.state()
    machine = Machine(root / "stack")
    machine.root.mkdir()
    yield lambda port, **backup: SmallStack(machine, port, **backup)
    machine.kill_supervisord()
    orphans.end(machine.root / "supervisor" / "supervisord.pid")
    shutil.rmtree(root)


@pytest.fixture
def servers(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Server]]:
    """Servers for repositories, by their kind."""
    with behind_urls.started(tmp_path) as made:
        monkeypatch.setenv("PATH", f"{made['sftp'].bin}:{os.environ['PATH']}")
        yield made


@pytest.fixture
def behind(
    small: Callable[..., SmallStack], servers: dict[str, Server], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., SmallStack]:
    """Makes the small stack with a repository on a server, and perhaps a second one on another."""

    def make(*names: str) -> SmallStack:
        chosen = dict(zip(Place, (servers[name] for name in names), strict=False))
        keys = dict(zip(("repository", "copy_to"), (one.location for one in chosen.values()), strict=False))
        stack = small(behind_urls.PORT, **keys)
        monkeypatch.setattr("ops.backup.target.of", lambda name: stack.target)
        program = stack.root / "bin" / "restic"
        program.unlink()
        program.write_text(behind_urls.RESTIC.format(root=stack.root))
        program.chmod(0o755)
        for place, server in chosen.items():
            path = stack.root / "backup" / "secrets" / behind_urls.FILES[place]
            path.write_text(server.credentials)
            path.chmod(0o600)
            if not server.running:
                server.start()
            stack.make_quick(place, server.path)
        return stack

    return make
