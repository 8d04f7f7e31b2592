"""Repositories that real servers keep, over SSH, HTTP and S3: what they hold comes back, and no password shows."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from ops_project import Project, Result
from small_stack import KEY, PASSWORD, SmallStack, target
from support.backup_servers import S3, Rest, Server, Ssh

from host.managers import orphans
from ops import engine
from ops.backup import jobs, runs, scratch
from ops.backup.places import Place
from ops.backup.target import Target
from ops.errors import Failure
from tests.host.machine import Machine

PORT, BESIDE, SSH, REST, REST_TOO, S_3 = range(61850, 61856)
KINDS = ["sftp", "rest", "s3"]
FILES = {Place.FIRST: "backup.credentials", Place.SECOND: "backup.copy-to"}
# Notes how each process was started, and sends slowly when it is told to.
RESTIC = """\
#!/bin/sh
ps -eo args >> {root}/calls
[ "$2" = backup ] && [ -e {root}/slow ] || exec /usr/bin/restic "$@"
touch {root}/sending
exec /usr/bin/restic --limit-upload 500 "$@"
"""
SECRETS = {S3.secret, Rest.password, quote(Rest.password), quote(Rest.password, safe="")}


@pytest.fixture
def servers(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Server]]:
    """One of each kind, and another of the second."""
    ssh = Ssh(tmp_path / "ssh", SSH)
    rest, too = Rest(tmp_path / "rest", REST), Rest(tmp_path / "rest-too", REST_TOO)
    too.user = "you@nas"
    too.let_in()
    monkeypatch.setenv("PATH", f"{ssh.bin}:{os.environ['PATH']}")
    made = {"sftp": ssh, "rest": rest, "rest too": too, "s3": S3(tmp_path / "s3", S_3)}
    yield made
    for server in made.values():
        server.stop()


@pytest.fixture
def behind(
    small: Callable[..., SmallStack], servers: dict[str, Server], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., SmallStack]:
    """Makes the small stack with a repository on a server, and perhaps a second one on another."""

    def make(*names: str) -> SmallStack:
        chosen = dict(zip(Place, (servers[name] for name in names), strict=False))
        keys = dict(zip(("repository", "copy_to"), (one.location for one in chosen.values()), strict=False))
        stack = small(PORT, **keys)
        monkeypatch.setattr("ops.backup.target.of", lambda name: stack.target)
        program = stack.root / "bin" / "restic"
        program.unlink()
        program.write_text(RESTIC.format(root=stack.root))
        program.chmod(0o755)
        for place, server in chosen.items():
            path = stack.root / "backup" / "secrets" / FILES[place]
            path.write_text(server.credentials)
            path.chmod(0o600)
            if not server.running:
                server.start()
            stack.make_quick(place, server.path)
        return stack

    return make


@pytest.mark.parametrize("kind", KINDS)
def test_backups_are_kept_listed_verified_restored_and_drilled(
    kind: str,
    behind: Callable[..., SmallStack],
    servers: dict[str, Server],
    hearth: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stack = behind(kind)
    stack.back_up()
    stack.fill("later")
    taken = stack.back_up()
    # Of one day the last is kept.
    assert [one.id for one in stack.listed()] == [taken.snapshot.id] and taken.kept == 1
    assert taken.snapshot.id in hearth("backups", "--json").out
    stack.fill("lost")
    stack.restore()
    assert stack.value() == "later"
    stack.fill("mine")
    with _empty(stack.root.parent / "beside", monkeypatch):
        said = hearth("drill")
        assert said.status == 0 and "redis" in said.out, said
        asked = ["redis-cli", "-p", str(BESIDE), "GETRANGE", KEY, "0", "40"]
        assert subprocess.run(asked, capture_output=True, text=True).stdout.startswith("later ")
    assert stack.value() == "mine" and stack.reason(runs.DRILL) is None
    assert not list((servers[kind].path / "locks").glob("*"))
    stack.no_mess()
    _nothing_shows(stack)


@contextlib.contextmanager
def _empty(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have drills use what Pulumi would deploy for them: the same service, empty, on another port."""
    beside = Machine(root)
    (root / "backup").mkdir(parents=True)

    @contextlib.contextmanager
    def deployed(*words: Any) -> Iterator[Target]:
        beside.apply(beside.redis(BESIDE))
        yield target(root, BESIDE)

    monkeypatch.setattr(scratch, "deployed", deployed)
    try:
        yield
    finally:
        beside.kill_supervisord()
        orphans.end(root / "supervisor" / "supervisord.pid")


@pytest.mark.parametrize("names", [("sftp", "rest"), ("rest", "rest too"), ("rest", "s3")])
def test_a_second_repository_has_a_copy(
    names: tuple[str, str], behind: Callable[..., SmallStack], servers: dict[str, Server]
) -> None:
    stack = behind(*names)
    taken = stack.back_up()
    assert taken.copy and [one.id for one in stack.listed(Place.SECOND)] == [taken.copy.id]
    # The first one is lost with its server.
    first = servers[names[0]]
    first.stop()
    shutil.rmtree(first.path)
    stack.fill("lost")
    stack.restore(place=Place.SECOND)
    assert stack.value() == "at first"
    # It comes back with an empty disk, which is no new place.
    first.start()
    with pytest.raises(Failure, match="is gone, and 1 backups") as refused:
        stack.back_up()
    assert first.location in str(refused.value)
    jobs.back_up(stack.target, stack.said.append, anew=True)
    assert len(stack.listed()) == 1
    stack.no_mess()
    _nothing_shows(stack)


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_that_is_away_or_lets_nobody_in_is_named(
    kind: str, behind: Callable[..., SmallStack], servers: dict[str, Server], hearth: Callable[..., Result]
) -> None:
    server, stack = servers[kind], behind(kind)
    known = [stack.back_up().snapshot]
    stack.fill("mine")

    def refused(why: str, *words: str) -> None:
        said = hearth(*words)
        assert said.status == 1 and "is gone" not in said.err and not _shown(said.err), said
        (sentence,) = [line for line in said.err.splitlines() if "restic " in line]
        # What ssh itself says of it may come too late.
        assert server.location in sentence and re.search(f"{why}|start the sftp session", sentence), said

    server.stop()
    for words in (["backup"], ["backups"], ["restore", "redis", "--yes"], ["drill"]):
        refused("refused", *words)
    assert server.location in (stack.reason() or "") and stack.reason(runs.DRILL)
    server.lock_out()
    server.start()
    refused("401|signature", "backup")
    assert stack.value() == "mine"
    server.stop()
    server.let_in()
    server.start()
    assert stack.listed() == known
    assert stack.listed() != [stack.back_up().snapshot]
    stack.no_mess()
    _nothing_shows(stack)


def test_one_that_goes_away_in_the_middle_has_no_part_of_it(
    behind: Callable[..., SmallStack], servers: dict[str, Server], hearth: Callable[..., Result]
) -> None:
    server, stack = servers["sftp"], behind("sftp")
    known = [stack.back_up().snapshot]
    # It takes some seconds to send.
    stack.fill("too late", 6_000_000)
    with _stopped_while_sending(stack, server) as gone:
        said = hearth("backup")
    assert gone.is_set() and said.status == 1 and server.location in said.err and not _shown(said.err), said
    assert server.location in (stack.reason() or "")
    server.start()
    # What it left locked keeps nobody from what is there.
    assert list((server.path / "locks").glob("*"))
    stack.restore()
    assert stack.value() == "at first"
    assert stack.listed() == known
    stack.fill("again")
    made = stack.back_up().snapshot
    assert stack.listed() == [made] and not list((server.path / "locks").glob("*"))
    stack.no_mess()
    _nothing_shows(stack)


@contextlib.contextmanager
def _stopped_while_sending(stack: SmallStack, server: Server) -> Iterator[threading.Event]:
    """End the server a second after the block's backup began to send."""
    sending, gone = stack.root / "sending", threading.Event()

    def watch() -> None:
        while not sending.exists():
            time.sleep(0.1)
        time.sleep(1)
        server.stop()
        gone.set()

    (stack.root / "slow").touch()
    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield gone
    finally:
        thread.join(30)
        (stack.root / "slow").unlink()


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize("kind", ["sftp", "rest"])
def test_damage_on_the_server_is_found_and_nothing_is_restored(
    kind: str, behind: Callable[..., SmallStack], servers: dict[str, Server]
) -> None:
    server, stack = servers[kind], behind(kind)
    stack.back_up()
    stack.fill("mine")
    for folder in ("data", "index", "snapshots", "keys"):
        path = next(path for path in sorted((server.path / folder).rglob("*")) if path.is_file())
        for damage in (_flip, _cut, Path.unlink) if folder == "data" else (_flip,):
            whole = path.read_bytes()
            path.chmod(0o600)
            damage(path)
            stack.said.clear()
            with pytest.raises(Failure) as refused:
                stack.restore()
            assert server.location in str(refused.value) and stack.value() == "mine", refused
            assert not [line for line in stack.said if "stopping" in line]
            path.write_bytes(whole)
    # What is whole can be restored, so it was the damage that was refused.
    stack.restore()
    assert stack.value() == "at first"


@pytest.mark.parametrize("kind", KINDS)
def test_a_stack_comes_back_from_the_url_and_the_password(
    kind: str,
    behind: Callable[..., SmallStack],
    servers: dict[str, Server],
    hearth: Callable[..., Result],
    project: Project,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server, stack = servers[kind], behind(kind)
    stack.back_up()
    stack.fill("lost")
    # The stack's file is that of the project; its Redis is deployed already.
    monkeypatch.setattr(engine, "deploy", lambda stack: None)
    password, known = tmp_path / "password", tmp_path / "known"
    password.write_text(PASSWORD)
    known.write_text(server.credentials)
    words = ["recover", "--from", server.location, "--password-file", str(password)]
    before = _content(server)
    if server.credentials:
        said = hearth(*words)
        assert said.status == 1 and re.search("401|Denied", said.err) and server.location in said.err, said
        typed = server.location.replace("//", "//me:hunter2@")
        said = hearth(*(typed if word == server.location else word for word in words))
        assert said.status == 1 and "--credentials" in said.err and "hunter2" not in said.err
        words += ["--credentials", str(known)]
    said = hearth(*words, "--dry-run")
    assert said.status == 0 and "would bring test up and restore redis" in said.err, said
    assert not project.root.exists()
    said = hearth(*words)
    assert said.status == 0 and "recovered from backup" in said.out, said
    assert stack.value() == "at first"
    # It may be the last that is left.
    assert _content(server) == before
    secrets = project.root / "backup" / "secrets"
    assert (secrets / "backup.repository").read_text() == PASSWORD
    if server.credentials:
        assert (secrets / FILES[Place.FIRST]).read_text() == server.credentials
        assert (secrets / FILES[Place.FIRST]).stat().st_mode & 0o777 == 0o600


def _content(server: Server) -> dict[str, bytes]:
    paths = [path for path in server.path.rglob("*") if path.is_file()]
    return {str(path): path.read_bytes() for path in paths}


def _shown(text: str) -> list[str]:
    return [secret for secret in (*SECRETS, PASSWORD) if secret in text]


def _nothing_shows(stack: SmallStack) -> None:
    """No password in what was said, in any command line, or in any file but those of the owner's own."""
    assert "restic" in (stack.root / "calls").read_text()
    assert not _shown("\n".join(stack.said))
    own = stack.root / "backup" / "secrets"
    for path in (*stack.root.rglob("*"), *Path.cwd().rglob("*")):
        if path.is_file() and path.parent != own and path.name != "htpasswd":
            assert not _shown(path.read_text(errors="replace")), path
    for path in own.iterdir():
        assert path.name == "backup.repository" or path.stat().st_mode & 0o777 == 0o600
