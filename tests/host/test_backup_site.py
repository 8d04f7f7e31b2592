"""Capturing and bringing back a real redis-server, under supervisord and under systemd."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from support.ports import free_port
from support.stacks import plan, values

from components.captures import Capture
from components.spec import BackupPolicy
from host.errors import HostError
from ops.backup import bring_back, capture
from ops.backup.native import NativeSite
from ops.errors import Failure
from tests.host.machine import Machine

POLICY = BackupPolicy(files=True)


@pytest.fixture(params=["machine", "systemd"])
def host(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine with either manager, which this process speaks to as well."""
    found: Machine = request.getfixturevalue(request.param)
    for key, value in found.env.items():
        monkeypatch.setenv(key, value)
    return found


class Server:
    """A redis-server with data, and its site."""

    def __init__(self, host: Machine, stage: Path, policy: BackupPolicy) -> None:
        self.port, self.stage = free_port(), stage
        host.apply(host.redis(self.port))
        spec = plan(values("supervisord", {"redis": {}}, data=str(host.root))).service("redis")
        self.site = NativeSite(host.root, replace(spec, backup=policy), stage / "note")

    def ask(self, *words: str) -> str:
        argv = ["redis-cli", "-p", str(self.port), *words]
        return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()


def test_the_data_directory_comes_back_as_it_was(host: Machine, tmp_path: Path) -> None:
    server = Server(host, tmp_path, POLICY)
    server.ask("set", "kept", "1")
    part = capture.service(server.site, tmp_path, lambda said: None)
    assert server.ask("get", "kept") == "1", "it runs again"
    server.ask("flushall")
    assert bring_back.service(server.site, part, tmp_path, lambda said: None) == []
    assert server.ask("get", "kept") == "1"
    data = host.root / "redis" / "data"
    assert {path.stat().st_uid for path in data.rglob("*")} == {data.stat().st_uid}
    assert not list((host.root / "redis").glob("data.*")) and not (tmp_path / "note").exists()


def test_what_does_not_check_out_is_taken_back(host: Machine, tmp_path: Path) -> None:
    def dump(*save: str) -> BackupPolicy:
        load = ("redis-cli", "-p", str(server.port), "set", "loaded", "1")
        return BackupPolicy(captures=(Capture(name="dump", save=save, tally=("cat",), load=load),))

    server = Server(host, tmp_path, POLICY)
    server.site.spec = replace(server.site.spec, backup=dump("echo", "one"))
    part = capture.service(server.site, tmp_path, lambda said: None)
    # What counted then may have said more of the same file than what counts now.
    counted = replace(part, files=(replace(part.files[0], tally=("one", "counted by version 1")),))
    assert bring_back.service(server.site, counted, tmp_path, lambda said: None) == []
    assert server.ask("get", "loaded") == "1"
    server.ask("set", "mine", "1")
    server.site.spec = replace(server.site.spec, backup=dump("echo", "two"))
    with pytest.raises(Failure, match="dump: one"):
        bring_back.service(server.site, part, tmp_path, lambda said: None)
    assert server.ask("get", "mine") == "1"


def test_a_kill_is_made_good(host: Machine, tmp_path: Path) -> None:
    server = Server(host, tmp_path, POLICY)
    server.ask("set", "mine", "1")
    # As if killed between the start with restored data and the check.
    server.site.stop()
    server.site.aside()
    server.site.start()
    assert server.ask("get", "mine") == ""
    said: list[str] = []
    bring_back.recover(server.site, said.append)
    assert len(said) == 1 and server.ask("get", "mine") == "1"
    assert not (tmp_path / "note").exists()


def test_a_failing_command_is_told_with_its_last_words(host: Machine, tmp_path: Path) -> None:
    server = Server(host, tmp_path, POLICY)
    with pytest.raises(HostError, match="no such thing"):
        server.site.save(["sh", "-c", "echo part; echo no such thing >&2; exit 3"], tmp_path / "out")
    server.site.apart(
        ["sh", "-c", 'cat > "$TMPDIR/x"; cat "$TMPDIR/x"'], Path("/etc/hostname"), tmp_path / "out"
    )
    assert (tmp_path / "out").read_bytes() == Path("/etc/hostname").read_bytes()
    assert not list((host.root / "redis").glob("scratch-*"))


def test_placed_files_belong_to_the_service(host: Machine, tmp_path: Path) -> None:
    server = Server(host, tmp_path, POLICY)
    server.site.stop()
    server.site.aside()
    server.site.place({"deep/er/file": Path("/etc/hostname")})
    data = host.root / "redis" / "data"
    made = [data / "deep", data / "deep" / "er", data / "deep" / "er" / "file"]
    assert {path.stat().st_uid for path in made} == {data.stat().st_uid}
    assert [path.stat().st_mode & 0o777 for path in made] == [0o700, 0o700, 0o600]
    assert os.geteuid() != 0 or data.stat().st_uid != 0 or host.manager
    bring_back.restart(server.site)
