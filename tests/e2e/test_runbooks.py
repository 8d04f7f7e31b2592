"""Each failure for real, and then what its page says: afterwards all is well."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.runbooks import RUNBOOKS, commands

from tests.e2e import kept
from tests.e2e.kept import ops
from tests.e2e.newcomer import Newcomer
from tests.e2e.story import eventually

STACK, PORT = "followed", 61340
MIB = 1024**2
# A machine of its own, which is not this one's: tests/e2e/test_recovery.py.
ELSEWHERE = {"dead-disk", "README"}
FOLLOWED: set[str] = set()


@pytest.fixture(scope="module")
def stack(scratch: Path) -> Iterator[Newcomer]:
    """It runs, has data, and one backup."""
    made = Newcomer(scratch, "machine", STACK)
    made.configure(kept.config(PORT, data=str(made.root), backup={"repository": str(scratch / "kept")}))
    made.pulumi("stack", "init", STACK)
    made.up()
    kept.fill(made)
    ops(made, "backup")
    yield made
    made.die()


def follow(
    stack: Newcomer,
    page: str,
    *,
    fails: str = "",
    at: str = "",
    then: Callable[[], object] = lambda: None,
) -> str:
    """Type every command of the page. Returns what they print.

    All go well but the first that begins with ``fails``. ``then`` is what the page leaves to its reader, before
    the first command that has ``at`` in it.
    """
    words = {
        "/var/lib/hearth/local": str(stack.root),
        "/var/lib/hearth/backups/local": str(stack.root.parent / "kept"),
        "/root/own-files": str(stack.home / "own-files"),
        "local": STACK,
    }
    said = ""
    for line in commands(page, words):
        if at and at in line:
            then()
            at = ""
        done = stack.type(line)
        said += f"$ {line}\n{done.text}"
        if done.status and fails and line.startswith(fails):
            fails = ""
            continue
        assert done.status == 0, said
    assert not at, f"{page}: no command has {at}"
    FOLLOWED.add(page)
    return said


def test_a_deployment(stack: Newcomer) -> None:
    changed = kept.config(PORT, data=str(stack.root), backup={"repository": str(stack.root.parent / "kept")})
    changed["services"]["redis"]["memory"] = "96MiB"
    before = kept.contents(stack)
    said = follow(stack, "deployment", at="make preview", then=lambda: stack.configure(changed))
    assert "everything came back" in said and "no model was asked" in said
    assert 48 * MIB < int(kept.cache(stack).config_get("maxmemory")["maxmemory"]) < 96 * MIB
    assert kept.contents(stack) == before
    stack.assert_nothing_to_do()


def test_a_backup_failed(stack: Newcomer) -> None:
    stack.run(".venv/bin/python", "-m", "host", "remove", str(stack.root), "supervisord", "redis")
    assert ops(stack, "backup", check=False).status == 1
    said = follow(stack, "backup-failed", fails="./hearth doctor")
    assert "the last backup failed: redis" in said and "complete" in said
    assert "the last backup failed" not in ops(stack, "doctor", check=False).text


def test_a_service_fails(stack: Newcomer) -> None:
    configuration = stack.root / "redis" / "config" / "redis.conf"
    configuration.write_text(configuration.read_text() + "no-such-setting 1\n")
    kept.cache(stack).shutdown(nosave=True)
    eventually(lambda: "no-such-setting" in (stack.root / "redis" / "log" / "redis.log").read_text())
    said = follow(stack, "service-fails", fails="./hearth status")
    assert "no-such-setting" in said
    assert kept.cache(stack).ping()


def test_a_disk_is_full(stack: Newcomer) -> None:
    repository = stack.root.parent / "kept"
    before = shutil.copytree(repository, repository.with_name("copy"))
    size = sum(path.stat().st_size for path in repository.rglob("*") if path.is_file())
    options = f"size={size // 1024 + 4096}k"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(repository)], check=True)
    try:
        shutil.copytree(before, repository, dirs_exist_ok=True)
        ballast = repository.parent / "kept" / "ballast"
        with pytest.raises(OSError, match="No space left"):
            ballast.write_bytes(bytes(8 * 1024**2))
        failed = ops(stack, "backup", check=False)
        assert failed.status == 1 and "no space left" in failed.text.lower()
        said = follow(stack, "disk-full", at="./hearth drift", then=ballast.unlink)
        assert "100%" in said and "complete" in said
        shutil.rmtree(before)
        shutil.copytree(repository, before)
    finally:
        subprocess.run(["umount", str(repository)], check=True)
    shutil.rmtree(repository)
    before.rename(repository)


def test_a_repository_is_damaged(stack: Newcomer) -> None:
    pack = next(path for path in (stack.root.parent / "kept" / "data").rglob("*") if path.is_file())
    pack.chmod(0o600)
    pack.write_bytes(pack.read_bytes()[:-7])
    failed = ops(stack, "drill", check=False)
    assert failed.status == 1 and "damaged" in failed.text
    said = follow(stack, "drill-failed", fails="./hearth doctor")
    assert "damaged" in said and "everything came back" in said


def test_the_passphrase_is_lost(stack: Newcomer) -> None:
    passphrase = stack.directory / ".state" / "passphrase"
    before = passphrase.read_bytes()
    passphrase.unlink()
    assert stack.pulumi("preview", check=False).status != 0
    follow(stack, "lost-passphrase")
    assert passphrase.read_bytes() == before
    stack.assert_nothing_to_do()


def test_a_secret_is_lost(stack: Newcomer) -> None:
    path = stack.root / "secrets" / "redis"
    before = path.read_bytes()

    said = follow(stack, "lost-secret", at="--own-files", then=path.unlink)
    assert before.decode().strip() in said
    assert path.read_bytes() == before and path.stat().st_mode & 0o777 == 0o600
    stack.assert_nothing_to_do()


def test_every_page_was_followed() -> None:
    assert {path.stem for path in RUNBOOKS.glob("*.md")} - ELSEWHERE == FOLLOWED
