"""Health for real: what is too much, silent or damaged is found, told once to everybody, and told again when well."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
import pytest

from tests.e2e.processes import hanging
from tests.e2e.story import eventually, settled
from tests.e2e.told import Told
from tests.e2e.workbench import Workbench

HOG, REDIS, POSTGRES, ALERTMANAGER, NGINX, WEBHOOK = range(61410, 61416)
SECONDS = 90
PROGRAM = """
import os, sqlite3
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import urlparse

with sqlite3.connect(Path(os.environ["DATA_DIR"]) / "notes.db") as notes:
    notes.execute("CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, text UNIQUE)")
    notes.executemany("INSERT OR IGNORE INTO notes VALUES (?, ?)", ((i, f"note {i} " * 20) for i in range(2000)))
notes.close()
eaten = []

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path.startswith("/eat/"):
            eaten.append(os.urandom(1024**2 * int(self.path[5:])))
        elif self.path == "/spew":
            eaten.clear()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"ok")

HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


@pytest.fixture(scope="module")
def told(scratch: Path) -> Iterator[Told]:
    """A place to be told at."""
    found = Told(scratch)

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            """Nothing to say."""

        def do_POST(self) -> None:
            found.posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", WEBHOOK), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield found
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def disk(scratch: Path) -> Iterator[Path]:
    """A disk of 16 MiB."""
    path = scratch / "disk"
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", path], check=True)
    yield path
    subprocess.run(["umount", path], check=True)


@pytest.fixture(scope="module")
def config(scratch: Path, disk: Path, told: Told) -> dict[str, Any]:
    """The stack's values."""
    (scratch / "hog").mkdir()
    (scratch / "hog" / "main.py").write_text(PROGRAM)
    alert = {
        "command": told.command,
        "webhook": f"http://127.0.0.1:{WEBHOOK}/hook",
        "alertmanager": True,
    }
    hog = {
        "type": "agent", "directory": str(scratch / "hog"), "port": HOG, "health": "/healthz", "data": True,
        "memory": "128MiB",
    }  # fmt: skip
    return {
        "runtime": "supervisord",
        "data": str(scratch / "healthy"),
        "host": {"reserve": "512MiB"},
        "backup": {"repository": f"{disk}/backups", "schedule": None},
        # What this machine's processors do is nobody's fault here.
        "health": {"interval": "2s", "integrity": "1s", "cpu": 100, "memory": 80, "disk": 90, "alert": alert},
        "services": {
            "hog": hog,
            "redis": {"port": REDIS, "memory": "128MiB"},
            "postgres": {"port": POSTGRES, "memory": "128MiB", "max-connections": 20},
            "alertmanager": {"port": ALERTMANAGER, "group-wait": "1s"},
            "nginx": {"port": NGINX},
        },
    }


@pytest.fixture(scope="module")
def stack(bench: Callable[..., Workbench], config: dict[str, Any]) -> Workbench:
    """The stack, up."""
    made = bench("healthy", config)
    made.up()
    return made


def looks(stack: Workbench) -> list[dict[str, Any]]:
    """The lines of the log."""
    log = stack.root / "watch" / "health.log"
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def after(stack: Workbench, count: int) -> None:
    """Wait for so many more looks."""
    before = len([line for line in looks(stack) if line["event"] == "look"])
    eventually(
        lambda: len([line for line in looks(stack) if line["event"] == "look"]) >= before + count, SECONDS
    )


def by_hand(stack: Workbench, *arguments: str) -> tuple[int, str]:
    """``hearth health``."""
    done = stack.run(
        ".venv/bin/python", "-m", "ops", "health", "--stack", stack.stack, *arguments, check=False
    )
    return done.status, done.text


def in_alertmanager(name: str) -> bool:
    """Whether the stack's Alertmanager shows it."""
    shown = httpx.get(f"http://127.0.0.1:{ALERTMANAGER}/api/v2/alerts", params={"active": "true"}).json()
    return name in {one["labels"]["alertname"] for one in shown}


@contextlib.contextmanager
def told_once_each(told: Told, kind: str, subject: str) -> Iterator[None]:
    """What is done in the block is told of once, and once more after it, and never again."""
    assert told.both(kind, subject)
    yield
    eventually(lambda: told.both(kind, subject, "over", "well"), SECONDS)


def over(told: Told, kind: str, subject: str) -> None:
    """Wait until it is told of."""
    eventually(lambda: told.both(kind, subject, "over"), SECONDS)


def test_when_all_is_well_nobody_is_told_of_anything(stack: Workbench, told: Told) -> None:
    after(stack, 5)
    assert told.by_command() == told.posted == []
    assert [line for line in looks(stack) if line["event"] != "look"] == []
    assert set(looks(stack)[-1]) == {"event", "time", "stack", "memory", "cpu", "disks", "over"}
    status, text = by_hand(stack)
    assert status == 0 and "all is well" in text, text
    settled(stack)


def test_data_of_every_kind_were_looked_into(stack: Workbench) -> None:
    known = json.loads((stack.root / "watch" / "health.json").read_text())["data"]
    assert {name for name, one in known.items() if not one["unchecked"]} >= {"hog", "redis", "postgres"}
    assert known["hog"]["databases"] == [str(stack.root / "hog" / "data" / "notes.db")]


def test_memory_that_fills_up(stack: Workbench, told: Told) -> None:
    with told_once_each(told, "memory", "hog"):
        httpx.get(f"http://127.0.0.1:{HOG}/eat/105", timeout=30)
        over(told, "memory", "hog")
        eventually(lambda: in_alertmanager("HearthMemory"), SECONDS)
        status, text = by_hand(stack, "--json")
        (finding,) = json.loads(text[text.index("{\n") :])["findings"]
        assert status == 1 and finding["kind"] == "memory" and "of its memory limit" in finding["text"]
        # The page and the table say so as well.
        shown = httpx.get(f"http://127.0.0.1:{NGINX}/status.json").json()
        assert any("hog: takes" in line for line in shown["degraded"])
        after(stack, 4)
        over(told, "memory", "hog")
        httpx.get(f"http://127.0.0.1:{HOG}/spew")
    eventually(lambda: not in_alertmanager("HearthMemory"), SECONDS)


def test_a_disk_that_is_full(stack: Workbench, told: Told, disk: Path) -> None:
    with told_once_each(told, "disk", str(disk)):
        (disk / "large").write_bytes(bytes(15 * 1024**2))
        over(told, "disk", str(disk))
        after(stack, 2)
        (disk / "large").unlink()


def test_an_address_that_is_silent(stack: Workbench, told: Told) -> None:
    with told_once_each(told, "answer", "hog"), hanging(stack, "hog"):
        over(told, "answer", "hog")
    # Its memory and its data were not told of meanwhile: nobody could know.
    assert told.both("data", "hog")


def test_a_damaged_database(stack: Workbench, told: Told, scratch: Path) -> None:
    notes = stack.root / "hog" / "data" / "notes.db"
    whole = scratch / "notes.db"
    shutil.copy2(notes, whole)
    with told_once_each(told, "data", "hog"):
        with notes.open("r+b") as file:
            file.seek(notes.stat().st_size // 2)
            file.write(os.urandom(20000))
        over(told, "data", "hog")
        (line,) = [one for one in told.posted if (one["kind"], one["subject"]) == ("data", "hog")]
        assert "notes.db is damaged" in line["text"]
        after(stack, 3)
        with notes.open("r+b") as file:
            file.write(whole.read_bytes())
    # A file whose first bytes are gone is still known to have been one.
    with notes.open("r+b") as file:
        file.write(bytes(100))
    eventually(lambda: told.both("data", "hog", "over", "well", "over"), SECONDS)
    with notes.open("r+b") as file:
        file.write(whole.read_bytes())
    eventually(lambda: told.both("data", "hog", "over", "well", "over", "well"), SECONDS)
    # Looking changed nothing of it, and nobody else's files are beside it.
    with sqlite3.connect(notes) as connection:
        assert connection.execute("SELECT count(*) FROM notes").fetchone() == (2000,)
    assert {path.owner() for path in notes.parent.iterdir()} == {"hearth-hog"}


def test_a_redis_that_cannot_write(stack: Workbench, told: Told) -> None:
    data = stack.root / "redis" / "data"
    owner = data.stat()
    ask = ["redis-cli", "-p", str(REDIS), "-a", stack.secret("redis"), "--no-auth-warning"]
    with told_once_each(told, "data", "redis"):
        os.chown(data, 0, 0)
        data.chmod(0o755)
        subprocess.run([*ask, "bgrewriteaof"], check=True, capture_output=True)
        over(told, "data", "redis")
        assert any("aof_last_bgrewrite_status:err" in one["text"] for one in told.posted)
        os.chown(data, owner.st_uid, owner.st_gid)
        data.chmod(0o700)
        subprocess.run([*ask, "bgrewriteaof"], check=True, capture_output=True)


def test_a_page_of_postgres_that_fails_its_checksum(stack: Workbench, told: Told) -> None:
    conninfo = f"host=127.0.0.1 port={POSTGRES} user=app dbname=app password={stack.secret('postgres-app')}"
    with psycopg.connect(conninfo) as connection:
        connection.execute("CREATE TABLE pages AS SELECT i, md5(i::text) t FROM generate_series(1, 5000) i")
        (path,) = connection.execute("SELECT pg_relation_filepath('pages')").fetchone()
    stack.run(".venv/bin/python", "-c", RESTART, str(stack.root))
    (file,) = (stack.root / "postgres" / "data").glob(f"*/{path}")
    with file.open("r+b") as pages:
        pages.seek(8192 * 3 + 4000)
        pages.write(b"damaged")
    with told_once_each(told, "data", "postgres"):
        # It answers again, and then reads the page.
        eventually(lambda: psycopg.connect(conninfo).close() is None)
        with psycopg.connect(conninfo) as connection, pytest.raises(psycopg.errors.DataCorrupted):
            connection.execute("SELECT count(t) FROM pages")
        over(told, "data", "postgres")
        assert any("failed their checksums" in one["text"] for one in told.posted)
        super_user = [
            "psql",
            "-X",
            "-q",
            "-U",
            "postgres",
            "-p",
            str(POSTGRES),
            "-h",
            f"{stack.root}/postgres/run",
        ]
        subprocess.run(
            [f"{stack.root}/bin/psql", *super_user[1:], "-d", "app", "-c", "SELECT pg_stat_reset()"],
            check=True, capture_output=True, user="hearth-postgres",
        )  # fmt: skip


RESTART = """
import sys
from pathlib import Path
from host import managers, notes
document = notes.read(Path(sys.argv[1]) / "postgres").applied
managers.of(document).restart()
"""


def test_processors_that_are_busy(stack: Workbench, config: dict[str, Any], told: Told) -> None:
    with told_once_each(told, "cpu", "host"):
        stack.configure({**config, "health": {**config["health"], "cpu": 1}})
        busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
        try:
            over(told, "cpu", "host")
        finally:
            busy.kill()
            busy.wait()
            stack.configure(config)


def test_who_cannot_be_told_is_told_later(stack: Workbench, config: dict[str, Any], told: Told) -> None:
    before = len(told.posted)
    broken = {**config["health"]["alert"], "webhook": "http://127.0.0.1:9/SECRET"}
    stack.configure({**config, "health": {**config["health"], "alert": broken}})
    httpx.get(f"http://127.0.0.1:{HOG}/eat/105", timeout=30)
    try:
        eventually(lambda: told.events("memory", "hog")["command"] == ["over", "well", "over"], SECONDS)
        eventually(lambda: [line for line in looks(stack) if line["event"] == "untold"], SECONDS)
        assert len(told.posted) == before
        log = (stack.root / "watch" / "health.log").read_text()
        assert "127.0.0.1 does not answer" in log and "SECRET" not in log
        stack.configure(config)
        eventually(lambda: told.both("memory", "hog", "over", "well", "over"), SECONDS)
    finally:
        stack.configure(config)
        httpx.get(f"http://127.0.0.1:{HOG}/spew")
    eventually(lambda: told.both("memory", "hog", "over", "well", "over", "well"), SECONDS)


@pytest.mark.long
def test_a_look_that_is_killed_anywhere_loses_no_alert(stack: Workbench, told: Told) -> None:
    events = len(told.events("memory", "hog")["command"])
    httpx.get(f"http://127.0.0.1:{HOG}/eat/105", timeout=30)
    killed, deadline = 0, time.monotonic() + 60
    while killed < 12 and time.monotonic() < deadline:
        # Each at another point: the sooner ones before anything was seen, the later ones while telling.
        time.sleep(0.4 + 0.25 * killed)
        for process in psutil.process_iter(["cmdline"]):
            words = process.info["cmdline"] or []
            if words[1:4] == ["-m", "ops", "watch"] and words[-1] == stack.stack:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.send_signal(signal.SIGKILL)
                    killed += 1
    assert killed
    eventually(lambda: told.events("memory", "hog")["command"][events:][:1] == ["over"], SECONDS)
    httpx.get(f"http://127.0.0.1:{HOG}/spew")
    eventually(lambda: told.events("memory", "hog")["command"][-1] == "well", SECONDS)
    # A kill between telling and noting that repeats one, and only one.
    assert len(told.events("memory", "hog")["command"]) - events <= 2 + killed
    json.loads((stack.root / "watch" / "health.json").read_text())
    print(f"killed {killed} looks; told {told.events('memory', 'hog')['command'][events:]}")


def test_in_the_end_nothing_is_left_over(stack: Workbench, told: Told) -> None:
    after(stack, 3)
    assert json.loads((stack.root / "watch" / "health.json").read_text())["known"] == {}
    for one in told.by_command():
        events = told.events(one["kind"], one["subject"])["command"]
        assert events[-1] == "well"
    assert by_hand(stack)[0] == 0
