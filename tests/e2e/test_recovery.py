"""A dead disk, for real: all that is left is the repository and its password, and the page says what to do."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from support.runbooks import commands

from tests.e2e import kept
from tests.e2e.kept import Contents, ops
from tests.e2e.newcomer import Newcomer

STACK, PORT, GOAL_SECONDS = "lost", 61330, 600


@pytest.fixture(scope="module")
def disk(scratch: Path) -> Path:
    """What survives: the repository, and the password."""
    path = scratch / "disk"
    path.mkdir()
    return path


@pytest.fixture(scope="module")
def lost(scratch: Path, disk: Path) -> dict[str, Any]:
    """What the machine had: its contents, keys and stack file; then it is gone."""
    machine = Newcomer(scratch, "old", STACK)
    config = kept.config(PORT, data=str(machine.root), backup={"repository": str(disk / "kept")})
    machine.configure(config)
    machine.pulumi("stack", "init", STACK)
    machine.up()
    kept.quick(machine, disk / "kept")
    kept.fill(machine)
    ops(machine, "backup")
    password = machine.root / "backup" / "secrets" / "backup.repository"
    shutil.copy(password, disk / "password")
    had = {
        "contents": kept.contents(machine),
        "keys": machine.keys(),
        "file": (machine.directory / f"Pulumi.{STACK}.yaml").read_bytes(),
        "resources": machine.resources(),
    }
    machine.die()
    return had


def _repository(disk: Path) -> dict[str, bytes]:
    paths = [path for path in (disk / "kept").rglob("*") if path.is_file()]
    return {str(path): path.read_bytes() for path in paths}


def _compare(machine: Newcomer, had: dict[str, Any]) -> None:
    found: Contents = kept.contents(machine)
    assert found == had["contents"]
    assert machine.keys() == had["keys"]
    assert (machine.directory / f"Pulumi.{STACK}.yaml").read_bytes() == had["file"]
    assert machine.resources() == had["resources"]
    machine.assert_nothing_to_do()


def test_a_new_machine_has_everything_after_the_page(scratch: Path, disk: Path, lost: dict[str, Any]) -> None:
    machine = Newcomer(scratch, "new", STACK)
    replaced = {
        "local": STACK,
        "/mnt/backups/hearth": str(disk / "kept"),
        "/mnt/key/hearth-password": str(disk / "password"),
    }
    before, said = _repository(disk), []
    try:
        for line in commands("dead-disk", replaced):
            began = time.monotonic()
            done = machine.type(line)
            assert done.status == 0, f"{line}\n{done.text}"
            said.append(done.text)
            seconds = time.monotonic() - began
            print(f"{seconds:6.1f} s  {line}")
            if "--dry-run" in line:
                assert _repository(disk) == before and not machine.root.exists()
            elif " recover " in line:
                assert seconds < GOAL_SECONDS
                # It is only read: it may be the last that is left.
                assert _repository(disk) == before
                _compare(machine, lost)
        assert any("recovered from backup" in text for text in said)
        refused = ops(machine, "recover", "--from", str(disk / "kept"), "--password-file", str(disk / "password"),
                      check=False)  # fmt: skip
        assert refused.status == 1 and "is deployed here" in refused.text
    finally:
        machine.die()


@pytest.mark.long
def test_a_recovery_that_is_killed_goes_on(scratch: Path, disk: Path, lost: dict[str, Any]) -> None:
    machine = Newcomer(scratch, "again", STACK)
    words = ("recover", "--from", str(disk / "kept"), "--password-file", str(disk / "password"))
    try:
        kept.killed(machine, "bringing it up", 4, *words)
        # A stack file that was corrected meanwhile stays.
        file = machine.directory / f"Pulumi.{STACK}.yaml"
        file.write_text(file.read_text() + "# mine\n")
        kept.killed(machine, "starting with what was stored", 0.1, *words)
        said = ops(machine, *words).text
        assert "stays as it is" in said and "recovered from backup" in said
        assert file.read_text().endswith("# mine\n")
        _compare(machine, {**lost, "file": file.read_bytes()})
        kept.no_mess(machine)
    finally:
        machine.die()
