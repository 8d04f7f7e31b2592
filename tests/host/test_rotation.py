"""Log files that have grown are copied and emptied; what an account could put in their place is left alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from host import rotation

LARGEST = 10


@pytest.fixture
def log(tmp_path: Path) -> Path:
    (tmp_path / "log").mkdir()
    return tmp_path / "log" / "redis.log"


def rotate(log: Path) -> list[str]:
    return rotation.rotate(log.parent, LARGEST)


def test_what_is_small_stays(log: Path) -> None:
    log.write_text("x" * LARGEST)
    assert rotate(log) == []
    assert [path.name for path in log.parent.iterdir()] == ["redis.log"]


def test_the_latest_copies_are_kept_with_owner_and_mode(log: Path) -> None:
    for number in range(rotation.COPIES + 2):
        log.write_text(f"{number}" * (LARGEST + 1))
        log.chmod(0o640)
        assert rotate(log) == ["redis.log"]
    assert log.read_text() == ""
    copies = {path.name: path.read_text()[0] for path in log.parent.iterdir() if path != log}
    assert copies == {"redis.log.1": "4", "redis.log.2": "3", "redis.log.3": "2"}
    found = log.with_name("redis.log.1").stat()
    assert (found.st_mode & 0o777, found.st_uid) == (0o640, os.geteuid())


def test_a_writer_that_appends_goes_on_at_the_beginning(log: Path) -> None:
    with log.open("a") as writer:
        writer.write("x" * (LARGEST + 1))
        writer.flush()
        rotate(log)
        writer.write("next")
    assert log.read_text() == "next"


@pytest.mark.parametrize("how", ["symlink", "link", "mkfifo", "mkdir"])
def test_nothing_else_than_a_file_of_its_own_is_touched(log: Path, tmp_path: Path, how: str) -> None:
    other = tmp_path / "passwd"
    other.write_text("y" * (LARGEST + 1))
    {
        "symlink": lambda: log.symlink_to(other),
        "link": lambda: os.link(other, log),
        "mkfifo": lambda: os.mkfifo(log),
        "mkdir": lambda: log.mkdir(),
    }[how]()
    assert rotate(log) == []
    assert other.read_text() == "y" * (LARGEST + 1)


def test_a_link_in_the_place_of_a_copy_is_not_followed(log: Path, tmp_path: Path) -> None:
    other = tmp_path / "passwd"
    other.write_text("kept")
    log.with_name("redis.log.1").symlink_to(other)
    log.write_text("x" * (LARGEST + 1))
    assert rotate(log) == ["redis.log"]
    assert other.read_text() == "kept"
    assert not log.with_name("redis.log.1").is_symlink()


def test_a_linked_or_absent_directory_has_no_logs(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.log").write_text("x" * (LARGEST + 1))
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert rotation.rotate(tmp_path / "link", LARGEST) == []
    assert rotation.rotate(tmp_path / "absent", LARGEST) == []


def test_a_copy_that_cannot_be_made_leaves_the_log_and_the_others_alone(log: Path) -> None:
    for name in ("redis.log.2", "redis.log.3"):
        log.with_name(name).mkdir()
    (log.parent / "redis.log.3" / "in-the-way").touch()
    for path in (log, log.with_name("z.log")):
        path.write_text("x" * (LARGEST + 1))
    assert rotate(log) == ["z.log"]
    assert log.stat().st_size == LARGEST + 1
