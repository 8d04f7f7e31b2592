"""What may go wrong with a backup or a restore: damage is found, a kill leaves no mess, nothing is lost."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from host.errors import HostError
from ops.backup import jobs, target
from ops.errors import Failure
from tests.e2e import kept
from tests.e2e.kept import ROWS, Contents, killed, ops
from tests.e2e.story import eventually
from tests.e2e.workbench import Workbench

CONFIG = kept.config(61579)
MUTATIONS = 30


@pytest.fixture(scope="module")
def stack(bench: Callable[..., Workbench]) -> Workbench:
    """The stack, up, with data of every kind in it and one backup."""
    made = bench("hurt", CONFIG)
    made.up()
    kept.fill(made)
    ops(made, "backup")
    return made


@pytest.fixture
def before(stack: Workbench) -> Contents:
    """What the backups hold."""
    return kept.contents(stack)


@contextlib.contextmanager
def _aside(directory: Path) -> Iterator[None]:
    """The directory is as it was, after the block."""
    copy = directory.with_name(f"{directory.name}-copy")
    shutil.copytree(directory, copy)
    try:
        yield
    finally:
        shutil.rmtree(directory)
        copy.rename(directory)


def _mutations(repository: Path) -> list[tuple[str, Callable[[], object]]]:
    """Each file flipped, cut and removed."""
    chance = random.Random(6)

    def flip(path: Path) -> None:
        data = bytearray(path.read_bytes())
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        _rewrite(path, bytes(data))

    def cut(path: Path) -> None:
        data = path.read_bytes()
        _rewrite(path, data[: chance.randrange(len(data))])

    paths = sorted(path for path in repository.rglob("*") if path.is_file() and path.parent.name != "locks")
    ways = (("flipped", flip), ("cut", cut), ("removed", Path.unlink))
    return [
        (f"{path.relative_to(repository)} {name}", lambda path=path, way=way: way(path))
        for path in paths
        for name, way in ways
    ]


def _rewrite(path: Path, data: bytes) -> None:
    path.chmod(0o600)
    path.write_bytes(data)


def test_damage_is_found_and_nothing_is_restored(
    stack: Workbench, before: Contents, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = kept.repository(stack)
    every = _mutations(repository)
    random.Random(7).shuffle(every)
    kept.cache(stack).set("since", "the backup")
    monkeypatch.chdir(stack.directory)
    said: list[str] = []
    for name, damage in every[:MUTATIONS]:
        with _aside(repository):
            damage()
            found = False
            try:
                jobs.restore(target.of(stack.stack), ["redis"], None, said.append)
            except (Failure, HostError):
                found = True
            assert found, name
    assert not [line for line in said if "stopping" in line]
    assert kept.cache(stack).getdel("since") == b"the backup"


def test_a_failed_check_puts_everything_back(stack: Workbench, before: Contents) -> None:
    kept.spoil(stack)
    template = stack.directory / "templates" / "postgres" / "load_database.sh.j2"
    good = template.read_text()
    # It loads everything, and then one row goes.
    lose = "psql -q -U postgres -d app -c 'DELETE FROM things WHERE id = 7'"
    template.write_text(f'{good}[ "$1" != app ] || {lose}\n')
    try:
        failed = ops(stack, "restore", "postgres", "--yes", check=False)
    finally:
        template.write_text(good)
    assert failed.status == 1 and "differs from the backup" in failed.text
    with kept.database(stack) as connection:
        assert connection.execute("SELECT count(*) FROM things").fetchone() == (ROWS - ROWS // 3,)
        assert connection.execute("SELECT count(*) FROM later").fetchone() == (0,)
    kept.no_mess(stack)
    ops(stack, "restore", "--all", "--yes")
    assert kept.contents(stack) == before


@pytest.mark.parametrize(
    ("mark", "seconds"), [("stopped while", 0.3), ("storing", 0.3), ("reading it back", 0.3)]
)
def test_a_killed_backup_counts_for_nothing(
    stack: Workbench, before: Contents, mark: str, seconds: float
) -> None:
    known = kept.listed(stack)
    killed(stack, mark, seconds, "backup")
    assert kept.listed(stack) == known
    ops(stack, "backup")
    kept.no_mess(stack)
    assert kept.contents(stack) == before


@pytest.mark.parametrize("mark", ["redis: starting", "globals.sql: loading"])
def test_a_killed_restore_is_undone_by_the_next_run(stack: Workbench, before: Contents, mark: str) -> None:
    kept.cache(stack).set("since", "the backup")
    with kept.database(stack) as connection:
        connection.execute("CREATE TABLE since (x int)")
    killed(stack, mark, 0.1, "restore", "redis" if "redis" in mark else "postgres", "--yes")
    # Any run takes up what was left; this backup holds what was there before the restore.
    assert "an earlier run did not end" in ops(stack, "backup").text
    assert kept.cache(stack).getdel("since") == b"the backup"
    with kept.database(stack) as connection:
        connection.execute("DROP TABLE since")
    assert kept.contents(stack) == before
    kept.no_mess(stack)


def test_two_at_once_are_refused(stack: Workbench, before: Contents) -> None:
    first = subprocess.Popen(
        [*stack.words(".venv/bin/python", "-m", "ops", "backup"), "--stack", stack.stack],
        cwd=stack.directory,
        env=stack.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert first.stderr is not None and first.stderr.readline()
    second = ops(stack, "backup", check=False)
    first.communicate()
    assert first.returncode == 0
    assert second.status == 1 and "is under way" in second.text


def test_a_service_that_does_not_run_fails_the_whole_backup(stack: Workbench, before: Contents) -> None:
    known = kept.listed(stack)
    stack.run(".venv/bin/python", "-m", "host", "remove", str(stack.root), "supervisord", "redis")
    failed = ops(stack, "backup", check=False)
    assert failed.status == 1 and "redis: " in failed.text
    assert kept.listed(stack) == known
    ops(stack, "drift", "--repair")
    eventually(lambda: kept.cache(stack).ping())


def test_a_full_disk_costs_no_older_backup(stack: Workbench, before: Contents, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(disk)], check=True)
    try:
        stack.configure({**CONFIG, "data": str(stack.root), "backup": {"repository": str(disk / "kept")}})
        ops(stack, "backup")
        known = kept.listed(stack)
        kept.cache(stack).set("ballast", os.urandom(8 * 1024**2))
        failed = ops(stack, "backup", check=False)
        assert failed.status == 1 and "no space left" in failed.text.lower(), failed.text
        assert kept.listed(stack) == known
        ops(stack, "restore", "--all", "--yes")
        assert kept.contents(stack) == before
        kept.no_mess(stack)
    finally:
        subprocess.run(["umount", str(disk)], check=True)
        stack.configure({**CONFIG, "data": str(stack.root)})


def test_of_one_day_the_last_backup_is_kept(stack: Workbench) -> None:
    assert len(kept.listed(stack)) == 1
