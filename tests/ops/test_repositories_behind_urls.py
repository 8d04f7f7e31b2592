"""Repositories that real servers keep, over SSH, HTTP and S3: what they hold comes back, and no password shows."""

from __future__ import annotations

import contextlib
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from behind_urls import BESIDE, FILES, KINDS, nothing_shows
from ops_project import Project, Result
from small_stack import KEY, PASSWORD, SmallStack, target
from support.backup_servers import Server

from host.managers import orphans
from ops import engine
from ops.backup import runs, scratch
from ops.backup.places import Place
from ops.backup.target import Target
from tests.host.machine import Machine


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
    nothing_shows(stack)


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
