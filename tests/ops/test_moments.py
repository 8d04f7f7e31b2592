"""A real PostgreSQL, its real archive: damage, a kill and lost data between a change and its moment."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from support.rendered import secret_values, services
from support.stacks import plan, values

from components.config import load_stack_config
from components.runtimes.native import apply_document
from components.secrets import fill
from host.errors import HostError
from host.managers import orphans
from ops.backup import moment
from ops.backup.target import Target
from ops.errors import Failure
from tests.e2e.story import eventually
from tests.host.machine import Machine, processes

PORT, STACK = 61540, "test"
SETTINGS = {
    "port": PORT,
    # What this machine's pgBackRest knows.
    "version": 15,
    "memory": "128MiB",
    "max-connections": 20,
    "point-in-time": {"lose": "5s"},
    "databases": [{"name": "app", "extensions": []}],
}
_MAIN = """
import sys
from datetime import datetime
from pathlib import Path
from test_moments import target
from ops.backup import moment
moment.restore(target(Path(sys.argv[1])), ["postgres"], datetime.fromisoformat(sys.argv[2]), print)
"""


def config(root: Path) -> dict[str, Any]:
    return values("supervisord", {"postgres": SETTINGS}, data=str(root), backup={"schedule": None})


def target(root: Path) -> Target:
    """The stack below ``root``."""
    settings = load_stack_config(config(root)).backup
    assert settings is not None
    return Target(STACK, root, plan(config(root)), settings, containers=False)


class Store:
    """The server, and what is in it."""

    def __init__(self, machine: Machine) -> None:
        self.root = machine.root
        runtime, (service,) = services(config(self.root))
        package = {"root": str(self.root), "name": "postgres", **asdict(service.package)}
        done = machine.verb("package", document=package)
        assert done.returncode == 0, done.stderr
        self._secrets = secret_values(service.spec)
        files = [
            {
                "path": file.path,
                "content": fill(
                    file.content, {key: self._secrets[ref.name] for key, ref in file.secrets.items()}
                ),
                "mode": "0400",
            }
            for file in service.spec.files
            if file.secrets
        ]
        secret = {"directory": f"{service.directory}/secrets", "account": service.account, "files": files}
        done = machine.verb("secret-files", document=secret)
        assert done.returncode == 0, done.stderr
        machine.apply(apply_document(service, runtime.units))
        (self.root / "backup").mkdir()
        self.said: list[str] = []

    @property
    def archive(self) -> Path:
        return self.root / "postgres" / "archive"

    @property
    def data(self) -> Path:
        return self.root / "postgres" / "data"

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        """A statement in a transaction of its own, and what it yields."""
        address = f"host=127.0.0.1 port={PORT} user=app dbname=app password={self._secrets['postgres-app']}"
        with psycopg.connect(address) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def add(self, what: str) -> None:
        self.sql(f"INSERT INTO things (what) VALUES ('{what}')")

    def rows(self) -> list[tuple[Any, ...]]:
        """Everything that is there, with the microsecond of each."""
        return self.sql("SELECT what, at FROM things ORDER BY at, what")

    def restore(self, at: datetime) -> None:
        moment.restore(target(self.root), ["postgres"], at, self.said.append)

    def no_mess(self) -> None:
        """Nothing set aside, nothing stopped, no server beside the one."""
        assert [path.name for path in (self.root / "postgres").glob("data.*")] == []
        assert not list((self.root / "postgres").glob("scratch-*"))
        assert not list((self.root / "backup").glob("stopped-*"))
        assert not processes(f"{self.root}/postgres/scratch")


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    """It runs, has rows, and a whole copy in its archive."""
    root = Path(tempfile.mkdtemp(prefix="hearth-", dir="/var/tmp"))
    root.chmod(0o755)
    machine = Machine(root / "stack")
    machine.root.mkdir()
    try:
        made = Store(machine)
        made.sql("CREATE TABLE things (what text, at timestamptz DEFAULT clock_timestamp())")
        made.sql("INSERT INTO things (what) SELECT 'first ' || i FROM generate_series(1, 1000) i")
        assert moment.add_bases(target(made.root), made.said.append) == ["postgres"]
        yield made
    finally:
        machine.kill_supervisord()
        orphans.end(machine.root / "supervisor" / "supervisord.pid")
        for process in processes(str(root)):
            process.kill()
        shutil.rmtree(root)


def now() -> datetime:
    """A moment with a second without any change on either side."""
    time.sleep(1)
    found = datetime.now(UTC)
    time.sleep(1)
    return found


def test_exactly_what_was_there_at_a_moment_comes_back_and_what_follows_is_a_branch_of_its_own(
    store: Store,
) -> None:
    store.add("before")
    earlier, at = store.rows(), now()
    store.add("after")
    store.sql("DELETE FROM things WHERE what LIKE 'first %'")
    store.restore(at)
    assert store.rows() == earlier
    assert len(earlier) == 1001
    store.no_mess()
    store.add("on the new branch")
    second, then = store.rows(), now()
    store.add("regretted")
    store.restore(then)
    assert store.rows() == second
    # Earlier than where the branches part.
    store.restore(at)
    assert store.rows() == earlier


def test_nothing_in_the_archive_can_be_read_without_its_key(store: Store) -> None:
    files = [path.read_bytes() for path in store.archive.rglob("*") if path.is_file()]
    assert len(files) > 5
    assert all(content.startswith(b"Salted__") for content in files)
    assert store.archive.stat().st_mode & 0o077 == 0


def test_a_drill_reaches_a_moment_beside_what_runs(store: Store) -> None:
    before = store.rows()
    with psycopg.connect(f"host={store.root}/postgres/run port={PORT} user=postgres dbname=app") as kept:
        (reached,) = moment.drill(target(store.root), store.said.append)
        assert (reached.service, reached.seconds > 0) == ("postgres", True)
        # The connection has outlived it.
        assert kept.execute("SELECT 1").fetchone() == (1,)
    assert store.rows() == before
    metrics = (store.root / "backup" / "metrics" / "backup.prom").read_text()
    assert 'hearth_moment_last_success_timestamp_seconds{service="postgres"} 1' in metrics
    store.no_mess()


def test_a_moment_before_the_archive_is_refused_and_nothing_stops(store: Store) -> None:
    with psycopg.connect(f"host={store.root}/postgres/run port={PORT} user=postgres dbname=app") as kept:
        with pytest.raises(Failure, match="its archive begins at 20"):
            store.restore(datetime(2020, 1, 1, tzinfo=UTC))
        assert kept.execute("SELECT 1").fetchone() == (1,)


def test_an_archive_that_cannot_be_written_is_counted_promises_nothing_and_goes_on_by_itself(
    store: Store,
) -> None:
    hidden = store.archive.with_name("archive.hidden")
    store.archive.rename(hidden)
    store.archive.touch()
    try:
        store.add("not archived")
        before = store.rows()
        with pytest.raises(Failure, match="its archive cannot be completed, nothing was changed"):
            store.restore(datetime.now(UTC))
        with pytest.raises(HostError, match="postgres"):
            moment.add_bases(target(store.root), store.said.append)
        assert "postgres" in (store.root / "backup" / "runs.json").read_text()
        eventually(lambda: store.sql("SELECT 1 FROM pg_stat_archiver WHERE failed_count > 0"), 30)
        assert store.rows() == before
    finally:
        store.archive.unlink()
        hidden.rename(store.archive)
    at = now()
    store.add("regretted")
    # The server tries again each minute.
    eventually(lambda: store.restore(at) or True, 150)
    assert store.rows() == before


def flip(path: Path) -> None:
    """One byte in the middle is another."""
    content = bytearray(path.read_bytes())
    content[random.Random(6).randrange(len(content) // 4, len(content) // 2)] ^= 0xFF
    path.write_bytes(content)


@pytest.mark.parametrize(
    "damaged",
    [pytest.param("backup/main/*F/bundle/*", marks=pytest.mark.long), "archive/main/15-1/*/*.zst"],
)
@pytest.mark.parametrize("how", [flip, lambda path: os.truncate(path, 100), Path.unlink])
def test_a_damaged_archive_is_refused_and_nothing_is_lost(store: Store, damaged: str, how: Any) -> None:
    store.add("kept")
    at = now()
    store.add("kept, too")
    before = store.rows()
    copy = store.archive.with_name("archive.copy")
    subprocess.run(["cp", "-a", store.archive, copy], check=True)
    try:
        files = [path for path in store.archive.glob(damaged) if path.is_file()]
        assert files
        for path in files:
            how(path)
        with pytest.raises((Failure, HostError), match="postgres"):
            store.restore(at)
    finally:
        shutil.rmtree(store.archive)
        copy.rename(store.archive)
    assert store.rows() == before
    store.no_mess()


def test_a_killed_restore_is_put_right_by_the_next_run(store: Store) -> None:
    store.add("kept")
    at = now()
    store.add("kept, too")
    before = store.rows()
    here = Path(__file__).parent
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", _MAIN, str(store.root), at.isoformat()],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (here.parents[1], here.parent, here)))},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert any("recovering from its archive" in line for line in process.stdout)
    time.sleep(1)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    with pytest.raises(psycopg.OperationalError):
        store.rows()
    moment.add_bases(target(store.root), store.said.append)
    assert store.rows() == before
    store.no_mess()


def test_a_server_that_has_lost_its_data_comes_back_from_its_archive(store: Store) -> None:
    store.add("kept")
    earlier, at = store.rows(), now()
    store.add("regretted")
    moment.add_bases(target(store.root), store.said.append)
    shutil.rmtree(store.data / "15" / "base")
    for process in processes(f"{store.data}/15"):
        with contextlib.suppress(Exception):
            process.kill()
    # Until its supervisor has given up, it is taken for one that runs.
    eventually(lambda: store.restore(at) or True, 120)
    assert store.rows() == earlier
    store.no_mess()
