"""Stores for real: vectors, rows, documents and a graph, written, found, and found again after a restart.

Chroma, PostgreSQL with pgvector and PgBouncer are the real ones. MongoDB and Neo4j's launcher cannot be had from
package registries; ``tests.standins`` says what stands in for them.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import neo4j
import psutil
import psycopg
import pymongo
import pytest

from tests import standins
from tests.e2e import probes
from tests.e2e.kept import ops
from tests.e2e.leaks import leaks
from tests.e2e.processes import processes
from tests.e2e.story import eventually, plan, settled
from tests.e2e.workbench import Workbench

POSTGRES, PGBOUNCER, CHROMADB, MONGODB, NEO4J = 62432, 62433, 62800, 62017, 62687
POOL, TIMEOUT = 3, 2
CONFIG: dict[str, Any] = {
    "runtime": "supervisord",
    "host": {"reserve": "512MiB"},
    "services": {
        "postgres": {"port": POSTGRES, "memory": "256MiB", "max-connections": 20},
        "pgbouncer": {"port": PGBOUNCER, "pool": POOL, "overflow": 0, "timeout": TIMEOUT},
        "chromadb": {"port": CHROMADB},
        "mongodb": {"port": MONGODB},
        "neo4j": {"port": NEO4J, "memory": "768MiB"},
    },
    "backup": {"schedule": None},
}
COLLECTIONS = (
    f"http://127.0.0.1:{CHROMADB}/api/v2/tenants/default_tenant/databases/default_database/collections"
)


@pytest.fixture(scope="module")
def stack(bench: Callable[..., Workbench], scratch: Path) -> Workbench:
    """The stack, up."""
    standins.lay_out(scratch / "standins")
    made = bench("stores", CONFIG)
    made.environment["PATH"] = f"{scratch / 'standins'}:{made.environment['PATH']}"
    made.up()
    return made


def killed(stack: Workbench, service: str) -> None:
    """Its processes die at once, and others take their place."""
    before = {process.pid for process in processes(stack, service)}
    assert before
    for pid in before:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    eventually(lambda: {process.pid for process in processes(stack, service)} - before)


def test_nothing_is_left_to_do(stack: Workbench) -> None:
    settled(stack)


# Vectors ------------------------------------------------------------------------------------------


def collection() -> str:
    """Address of a collection in Chroma, made when it is not there."""
    body = {"name": "notes", "get_or_create": True}
    return f"{COLLECTIONS}/{httpx.post(COLLECTIONS, json=body).raise_for_status().json()['id']}"


def nearest() -> list[str]:
    """The two documents nearest to one vector."""
    body = {"query_embeddings": [[1, 0, 0]], "n_results": 2, "include": ["documents"]}
    answer = httpx.post(f"{collection()}/query", json=body).raise_for_status().json()
    return answer["documents"][0]


def test_chroma_finds_the_nearest_vectors_and_again_after_it_was_killed(stack: Workbench) -> None:
    vectors = {"red": [1, 0, 0], "orange": [0.9, 0.1, 0], "blue": [0, 0, 1]}
    body = {"ids": list(vectors), "documents": list(vectors), "embeddings": list(vectors.values())}
    httpx.post(f"{collection()}/add", json=body).raise_for_status()
    assert nearest() == ["red", "orange"]
    killed(stack, "chromadb")
    assert eventually(nearest) == ["red", "orange"]


def test_chroma_cannot_be_emptied_at_a_stroke(stack: Workbench) -> None:
    assert httpx.post(f"http://127.0.0.1:{CHROMADB}/api/v2/reset").status_code == 403


# Rows through the pool ----------------------------------------------------------------------------


@contextlib.contextmanager
def client(stack: Workbench, port: int = PGBOUNCER, **more: Any) -> Iterator[psycopg.Connection]:
    """A connection as the role ``app``; a pool has no place for what is prepared."""
    account = {"user": "app", "dbname": "app", "password": stack.secret("postgres-app")} | more
    with psycopg.connect(host="127.0.0.1", port=port, prepare_threshold=None, **account) as connection:
        yield connection


def test_the_nearest_vectors_are_found_through_the_pool(stack: Workbench) -> None:
    assert probes.nearest(PGBOUNCER, stack.secret("postgres-app")) == [1, 2]
    assert probes.nearest(POSTGRES, stack.secret("postgres-app")) == [1, 2]


def test_many_clients_that_stay_share_few_connections(stack: Workbench) -> None:
    with contextlib.ExitStack() as there:
        clients = [there.enter_context(client(stack, autocommit=True)) for _ in range(4 * POOL)]

        def ask(number: int) -> tuple[int, int]:
            query = "SELECT %s::int, pg_backend_pid(), pg_sleep(0.1)"
            row = clients[number].execute(query, [number]).fetchone()
            return row[0], row[1]

        with ThreadPoolExecutor(len(clients)) as pool:
            answers = list(pool.map(ask, range(len(clients))))
    assert [number for number, _ in answers] == list(range(len(clients)))
    assert 1 < len({backend for _, backend in answers}) <= POOL


def test_a_client_that_waits_for_too_long_is_told_so(stack: Workbench) -> None:
    with contextlib.ExitStack() as busy:
        for _ in range(POOL):
            busy.enter_context(client(stack)).execute("SELECT 1")  # in a transaction that stays open
        with pytest.raises(psycopg.OperationalError, match="query_wait_timeout"), client(stack) as late:
            late.execute("SELECT 1")
    with client(stack) as next_one:
        assert next_one.execute("SELECT 1").fetchone() == (1,)


def test_the_pool_lets_nobody_in_without_the_password_nor_to_its_console(stack: Workbench) -> None:
    with pytest.raises(psycopg.OperationalError, match="authentication failed"), client(stack, password="x"):
        pass
    for user in ("app", "pgbouncer", "postgres"):
        with pytest.raises(psycopg.OperationalError), client(stack, user=user, dbname="pgbouncer"):
            pass


def test_the_pool_finds_a_restarted_server_again(stack: Workbench) -> None:
    killed(stack, "postgres")
    eventually(lambda: probes.nearest(PGBOUNCER, stack.secret("postgres-app")) == [1, 2])
    killed(stack, "pgbouncer")
    eventually(lambda: probes.nearest(PGBOUNCER, stack.secret("postgres-app")) == [1, 2])


# Documents ----------------------------------------------------------------------------------------


def totals() -> list[dict[str, Any]]:
    """How much of each kind was sold."""
    stages = [{"$group": {"_id": "$kind", "n": {"$sum": "$n"}}}, {"$sort": {"_id": 1}}]
    with pymongo.MongoClient("127.0.0.1", MONGODB, serverSelectionTimeoutMS=2000) as server:
        return list(server.app.sales.aggregate(stages))


def test_documents_are_counted_and_again_after_the_server_was_killed(stack: Workbench) -> None:
    """FerretDB's protocol and storage; not MongoDB's accounts."""
    with pymongo.MongoClient("127.0.0.1", MONGODB) as server:
        server.app.sales.insert_many([{"kind": "a", "n": 1}, {"kind": "b", "n": 5}, {"kind": "a", "n": 2}])
    expected = [{"_id": "a", "n": 3}, {"_id": "b", "n": 5}]
    assert totals() == expected
    killed(stack, "mongodb")
    assert eventually(totals) == expected


# A graph ------------------------------------------------------------------------------------------


def cypher(query: str, password: str, **values: Any) -> list[list[Any]]:
    """The rows that a query answers with."""
    address = f"neo4j://127.0.0.1:{NEO4J}"
    with neo4j.GraphDatabase.driver(address, auth=("neo4j", password)) as driver:
        return [list(row) for row in driver.execute_query(query, values).records]


def friends(password: str) -> list[list[Any]]:
    """Who is two steps away from Ada."""
    return cypher("MATCH (:Person {name: 'Ada'})-[:KNOWS*2]->(p) RETURN p.name", password)


def test_a_graph_is_asked_and_again_after_the_server_was_killed(stack: Workbench) -> None:
    password = stack.secret("neo4j")
    cypher(
        "CREATE (:Person {name: 'Ada'})-[:KNOWS]->(:Person {name: 'Bo'})-[:KNOWS]->(:Person {name: 'Cy'})",
        password,
    )
    assert friends(password) == [["Cy"]]
    killed(stack, "neo4j")
    assert eventually(lambda: friends(password), seconds=60) == [["Cy"]]


def test_the_graph_is_closed_to_all_others(stack: Workbench) -> None:
    for password in ("neo4j", "wrong"):
        with pytest.raises(neo4j.exceptions.AuthError):
            cypher("RETURN 1", password)


def test_the_graph_takes_what_its_limit_leaves(stack: Workbench) -> None:
    query = "SHOW SETTINGS YIELD name, value WHERE name ENDS WITH 'heap.max_size' OR name ENDS WITH 'pagecache.size'"
    sizes = dict(cypher(f"{query} RETURN name, value", stack.secret("neo4j")))
    assert sizes == {
        "server.memory.heap.max_size": "230.00MiB",
        "server.memory.pagecache.size": "154.00MiB",
    }


# Backups ------------------------------------------------------------------------------------------


def answers(stack: Workbench) -> list[object]:
    """What each of the stores is asked here."""
    rows = probes.nearest(POSTGRES, stack.secret("postgres-app"))
    return [nearest(), totals(), friends(stack.secret("neo4j")), rows]


def test_each_store_answers_as_before_from_a_backup(stack: Workbench) -> None:
    before = answers(stack)
    ops(stack, "backup")
    httpx.delete(f"{COLLECTIONS}/notes").raise_for_status()
    with pymongo.MongoClient("127.0.0.1", MONGODB) as server:
        server.drop_database("app")
    cypher("MATCH (n) DETACH DELETE n", stack.secret("neo4j"))
    assert totals() == [] and friends(stack.secret("neo4j")) == []
    text = ops(stack, "restore", "--all", "--yes").text
    assert "chromadb: finds 3 vectors in the collection notes" in text
    assert answers(stack) == before
    settled(stack)


@pytest.mark.long
def test_a_drill_asks_for_vectors(stack: Workbench) -> None:
    text = ops(stack, "drill").text
    assert "chromadb: finds 3 vectors in the collection notes" in text
    assert "everything came back" in text


# All of them --------------------------------------------------------------------------------------


def test_all_of_it_stays_within_its_limits(stack: Workbench) -> None:
    rows = {row["service"]: row for row in plan(stack)["services"]}
    assert set(rows) == set(CONFIG["services"])
    for service, row in rows.items():
        used = sum(process.memory_info().rss for process in processes(stack, service)) / 1024**2
        print(f"{service}: {used:.0f} MiB of {row['memory']}")
        if service != "postgres":  # its processes share what each is said to use
            assert used < float(row["memory"].removesuffix("MiB"))


def test_everything_listens_on_loopback_alone(stack: Workbench) -> None:
    ports = {settings["port"] for settings in CONFIG["services"].values()}
    found = {
        (connection.laddr.port, connection.laddr.ip)
        for connection in psutil.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port in ports
    }
    assert {port for port, _ in found} == ports
    # A JVM listens on an address of six that stands for one of four.
    assert {address.removeprefix("::ffff:") for _, address in found} == {"127.0.0.1"}


def test_no_secret_is_in_plain_text(stack: Workbench) -> None:
    assert leaks(stack, docker=False) == []
