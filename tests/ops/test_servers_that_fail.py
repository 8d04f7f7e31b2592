"""Servers of backups that are away, let nobody in, end in the middle or are damaged, and copies on a second one."""

from __future__ import annotations

import contextlib
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from behind_urls import KINDS, nothing_shows, shown
from ops_project import Result
from small_stack import SmallStack
from support.backup_servers import Server

from ops.backup import jobs, runs
from ops.backup.places import Place
from ops.errors import Failure

pytestmark = pytest.mark.long


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
    nothing_shows(stack)


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_that_is_away_or_lets_nobody_in_is_named(
    kind: str, behind: Callable[..., SmallStack], servers: dict[str, Server], hearth: Callable[..., Result]
) -> None:
    server, stack = servers[kind], behind(kind)
    known = [stack.back_up().snapshot]
    stack.fill("mine")

    def refused(why: str, *words: str) -> None:
        said = hearth(*words)
        assert said.status == 1 and "is gone" not in said.err and not shown(said.err), said
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
    nothing_shows(stack)


def test_one_that_goes_away_in_the_middle_has_no_part_of_it(
    behind: Callable[..., SmallStack], servers: dict[str, Server], hearth: Callable[..., Result]
) -> None:
    server, stack = servers["sftp"], behind("sftp")
    known = [stack.back_up().snapshot]
    # It takes some seconds to send.
    stack.fill("too late", 6_000_000)
    with _stopped_while_sending(stack, server) as gone:
        said = hearth("backup")
    assert gone.is_set() and said.status == 1 and server.location in said.err and not shown(said.err), said
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
    nothing_shows(stack)


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
