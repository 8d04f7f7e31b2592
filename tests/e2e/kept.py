"""A stack with data of every kind that is backed up, and a look at all of it."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psycopg
import redis
import yaml
from psycopg import sql
from support.quick_key import make_quick

from tests.e2e.workbench import Finished, Workbench

ROWS, KEYS = 20_000, 2_000
Contents = dict[str, Any]
SILENCE = {
    "matchers": [{"name": "alertname", "value": "Any", "isRegex": False, "isEqual": True}],
    "startsAt": "2026-01-01T00:00:00Z",
    "endsAt": "2099-01-01T00:00:00Z",
    "createdBy": "test",
    "comment": "kept",
}


def config(port: int, **more: Any) -> dict[str, Any]:
    """The stack on ``port`` and the two after it."""
    services = {
        "redis": {"port": port, "memory": "128MiB"},
        "postgres": {"port": port + 1, "memory": "256MiB"},
        "alertmanager": {"port": port + 2},
    }
    host = {"reserve": "512MiB"}
    return {"runtime": "supervisord", "host": host, "backup": {}, "services": services, **more}


def _port(stack: Workbench, service: str) -> int:
    document = yaml.safe_load((stack.directory / f"Pulumi.{stack.stack}.yaml").read_text())
    return document["config"]["hearth:services"][service]["port"]


def cache(stack: Workbench, db: int = 0) -> redis.Redis:
    """A client of Redis."""
    return redis.Redis(port=_port(stack, "redis"), db=db, password=stack.secret("redis"))


def database(stack: Workbench) -> psycopg.Connection:
    """A connection to PostgreSQL."""
    port, password = _port(stack, "postgres"), stack.secret("postgres-app")
    return psycopg.connect(f"host=127.0.0.1 port={port} user=app dbname=app password={password}")


def fill(stack: Workbench, vector: str = "vector(3)") -> None:
    """Put data of every kind in. ``vector`` is another type where there is no pgvector."""
    pipe = cache(stack).pipeline()
    for number in range(KEYS):
        pipe.set(f"text:{number}", hashlib.sha256(str(number).encode()).digest())
    pipe.hset("hash", mapping={f"field {i}": i for i in range(500)})
    pipe.zadd("sorted", {f"member {i}": i / 7 for i in range(500)})
    pipe.sadd("set", *range(500))
    pipe.rpush("list", *range(500))
    pipe.xadd("stream", {"a": "1"}, id="1-1")
    pipe.set("fleeting", "x", ex=3600)
    pipe.execute()
    cache(stack, 3).set("another", "database")
    with database(stack) as connection:
        connection.execute(f"CREATE TABLE things (id serial PRIMARY KEY, what text, v {vector})")
        connection.execute(
            "INSERT INTO things (what, v) SELECT md5(i::text) || E'\\t\\\\ line\\n', "
            f"ARRAY[i, i / 2.0, 1]::{vector} FROM generate_series(1, {ROWS}) i"
        )
        connection.execute('CREATE TABLE "odd name; --" (x bytea)')
        connection.execute("INSERT INTO \"odd name; --\" VALUES ('\\x00ff'), (NULL)")
        connection.execute("CREATE VIEW short AS SELECT id FROM things WHERE id < 10")
        connection.execute("SELECT lo_from_bytea(0, 'a large object')")
    httpx.post(
        f"http://127.0.0.1:{_port(stack, 'alertmanager')}/api/v2/silences", json=SILENCE
    ).raise_for_status()


def contents(stack: Workbench) -> Contents:
    """Every row, key and silence."""
    found: Contents = {}
    with database(stack) as connection:
        for table in ("things", "odd name; --", "short"):
            query = sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier(table))
            found[table] = sorted(row[0] for row in connection.execute(query))
        found["next"] = connection.execute("SELECT last_value FROM things_id_seq").fetchone()
        query = "SELECT lo_get(oid) FROM pg_largeobject_metadata"
        found["large"] = connection.execute(query).fetchall()
    for db in (0, 3):
        client = cache(stack, db)
        found[f"redis {db}"] = {
            key: (_value(client, key), client.ttl(key) > 0) for key in sorted(client.keys())
        }
    silences = httpx.get(f"http://127.0.0.1:{_port(stack, 'alertmanager')}/api/v2/silences").json()
    found["silences"] = [(one["id"], one["comment"]) for one in silences]
    return found


def _value(client: redis.Redis, key: bytes) -> Any:
    readers = {
        b"string": client.get,
        b"hash": client.hgetall,
        b"set": client.smembers,
        b"stream": client.xrange,
        b"list": lambda key: client.lrange(key, 0, -1),
        b"zset": lambda key: client.zrange(key, 0, -1, withscores=True),
    }
    return readers[client.type(key)](key)


def ops(stack: Workbench, *arguments: str, check: bool = True) -> Finished:
    """A command of ``./hearth``."""
    return stack.run(".venv/bin/python", "-m", "ops", *arguments, "--stack", stack.stack, check=check)


def counters(stack: Workbench) -> tuple[Callable[[int], object], Callable[[int], object]]:
    """Writers to Redis and PostgreSQL, to where nothing else is looked at: what was there is gone."""
    cache(stack, 5).delete("load")
    with database(stack) as connection:
        connection.execute("DROP TABLE IF EXISTS load")
        connection.execute("CREATE TABLE load (n int)")

    def to_redis(number: int) -> None:
        cache(stack, 5).sadd("load", number)

    def to_postgres(number: int) -> None:
        with database(stack) as connection:
            connection.execute("INSERT INTO load VALUES (%s)", (number,))

    return to_redis, to_postgres


def counted(stack: Workbench) -> tuple[int, int]:
    """How many different numbers they have written."""
    with database(stack) as connection:
        (rows,) = connection.execute("SELECT count(DISTINCT n) FROM load").fetchone() or (0,)
    return cache(stack, 5).scard("load"), rows


def listed(stack: Workbench) -> list[dict[str, Any]]:
    """The complete backups."""
    text = ops(stack, "backups", "--json").text
    return json.loads(text[text.index("{") :])["backups"]


def repository(stack: Workbench) -> Path:
    """Where backups go unless the stack says otherwise."""
    return stack.root.parent / "backups" / stack.stack


def quick(stack: Workbench, where: Path | None = None) -> None:
    """Have the repository there before the first backup, with a key that costs nothing to derive."""
    password = stack.root / "backup" / "secrets" / "backup.repository"
    where = where or repository(stack)
    words = [stack.root / "bin" / "restic", "init", "--quiet", "--repo", where, "--password-file", password]
    subprocess.run(words, check=True)
    make_quick(where, password.read_text().strip())


def spoil(stack: Workbench) -> None:
    """Change and lose data in every service."""
    with database(stack) as connection:
        connection.execute("DELETE FROM things WHERE id % 3 = 0")
        connection.execute('DROP TABLE "odd name; --"')
        connection.execute("CREATE TABLE later (x int)")
    cache(stack).flushall()
    cache(stack).set("later", "x")


def no_mess(stack: Workbench) -> None:
    """No staged file, no data set aside, nothing stopped."""
    left = {path.name for path in (stack.root / "backup").iterdir()}
    assert left <= {"backup.log", "known.json", "lock", "metrics", "record.json", "runs.json", "secrets"}
    assert not list(stack.root.glob("*/data.*")) and not list(stack.root.glob("*/scratch-*"))


def killed(stack: Workbench, mark: str, seconds: float, *arguments: str) -> None:
    """Start a command and kill it, ``seconds`` after it has said ``mark``."""
    process = subprocess.Popen(
        [*stack.words(".venv/bin/python", "-m", "ops", *arguments), "--stack", stack.stack],
        cwd=stack.directory,
        env=stack.environment,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if mark in line:
            break
    time.sleep(seconds)
    assert process.poll() is None, said
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
