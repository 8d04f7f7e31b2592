"""The stack file of SutazAI without containers: what of it comes from package registries, all of it at once.

Left out are the containers of Dify, Grafana and Qdrant, whose makers alone have them, and Langflow, Flowise and n8n,
which `make test-large` runs. Neo4j's launcher is a stand-in (``tests.standins``).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import neo4j
import psutil
import pytest
import redis

from tests import standins
from tests.e2e.leaks import leaks
from tests.e2e.loki import lines
from tests.e2e.processes import hanging, processes
from tests.e2e.stack_files import Watched, native, planned, port
from tests.e2e.story import eventually, plan, settled
from tests.e2e.workbench import Workbench

STACK = "sutazai"
AGENTS = 8
# What the owners' document asks for.
POOL = {
    "DATABASE_POOL_SIZE": "20",
    "DATABASE_MAX_OVERFLOW": "40",
    "DATABASE_POOL_TIMEOUT": "30",
    "REDIS_MAX_CONNECTIONS": "50",
}


@pytest.fixture(scope="module")
def programs(scratch: Path) -> Path:
    standins.lay_out(scratch / "standins")
    return scratch / "standins"


@pytest.fixture(scope="module")
def config(programs: Path) -> dict[str, Any]:
    """The stack file as it is but for its ports, and with figures that come every second."""
    made = native(STACK, 64101, runtime={"runtime": "supervisord"}, programs=programs)
    made["services"]["prometheus"] |= {"interval": "1s", "patience": "2s"}
    made["services"]["alertmanager"] |= {"group-wait": "0s"}
    return made


@pytest.fixture(scope="module")
def stack(bench: Callable[..., Workbench], config: dict[str, Any], programs: Path) -> Workbench:
    """The stack, up."""
    made = bench(STACK, config)
    made.environment["PATH"] = f"{programs}:{made.environment['PATH']}"
    made.up()
    return made


@pytest.fixture(scope="module")
def watched(config: dict[str, Any], stack: Workbench) -> Watched:
    return Watched(*(f"http://127.0.0.1:{port(config, name)}" for name in ("prometheus", "alertmanager")))


@pytest.fixture(scope="module")
def cache(config: dict[str, Any], stack: Workbench) -> redis.Redis:
    return redis.Redis(port=port(config, "redis"), password=stack.secret("redis"), decode_responses=True)


@pytest.fixture(scope="module")
def door(config: dict[str, Any]) -> str:
    return f"http://127.0.0.1:{port(config, 'nginx')}"


def test_nothing_is_left_to_do(stack: Workbench) -> None:
    settled(stack)


def test_the_backend_answers_behind_the_door_and_the_page_beside_it(stack: Workbench, door: str) -> None:
    assert httpx.get(f"{door}/api/").json()["visits"] > 0
    assert "<title>Hearth</title>" in httpx.get(f"{door}/").text


def test_the_backend_keeps_notes_through_the_pool(
    stack: Workbench, config: dict[str, Any], door: str
) -> None:
    assert httpx.post(f"{door}/api/notes", json={"text": "bread"}).json() == ["bread"]
    running = processes(stack, "backend")
    peers = {link.raddr.port for found in running for link in found.net_connections("tcp") if link.raddr}
    assert port(config, "pgbouncer") in peers
    assert port(config, "postgres") not in peers
    told = running[0].environ()
    assert {name: told[name] for name in POOL} == POOL


def test_eight_agents_answer_work_put_in_the_list(stack: Workbench, cache: redis.Redis) -> None:
    def who() -> set[str]:
        cache.delete("agents:answered")
        cache.rpush("agents:asked", *range(200))
        eventually(lambda: cache.llen("agents:answered") == 200)
        return {line.split()[-1] for line in cache.lrange("agents:answered", 0, -1)}

    found = eventually(lambda: found if len(found := who()) == AGENTS else None)
    assert len({psutil.Process(int(pid)).pid for pid in found}) == AGENTS


def test_vectors_are_found(stack: Workbench, config: dict[str, Any]) -> None:
    base = f"http://127.0.0.1:{port(config, 'chromadb')}/api/v2/tenants/default_tenant/databases"
    made = httpx.post(f"{base}/default_database/collections", json={"name": "notes"}).raise_for_status()
    notes = f"{base}/default_database/collections/{made.json()['id']}"
    vectors = {"red": [1, 0, 0], "orange": [0.9, 0.1, 0], "blue": [0, 0, 1]}
    body = {"ids": list(vectors), "documents": list(vectors), "embeddings": list(vectors.values())}
    httpx.post(f"{notes}/add", json=body).raise_for_status()
    asked = {"query_embeddings": [[1, 0, 0]], "n_results": 2, "include": ["documents"]}
    assert httpx.post(f"{notes}/query", json=asked).json()["documents"] == [["red", "orange"]]


def test_a_graph_is_asked(stack: Workbench, config: dict[str, Any]) -> None:
    address, login = f"neo4j://127.0.0.1:{port(config, 'neo4j')}", ("neo4j", stack.secret("neo4j"))
    with neo4j.GraphDatabase.driver(address, auth=login) as driver:
        driver.execute_query("CREATE (:Person {name: 'Ada'})-[:KNOWS]->(:Person {name: 'Bo'})")
        found = driver.execute_query("MATCH (:Person {name: 'Ada'})-[:KNOWS]->(p) RETURN p.name")
    assert [list(row) for row in found.records] == [["Bo"]]


def test_every_job_is_up_and_every_service_answers_its_probe(stack: Workbench, watched: Watched) -> None:
    eventually(lambda: watched.down() == set(), seconds=60)
    eventually(lambda: watched.series("probe_success"))
    eventually(lambda: all(value == 1 for _, value in watched.series("probe_success")))
    for through in ("redis_up", "pg_up", "nginx_up"):
        assert [value for _, value in watched.series(through)] == [1]


def test_a_line_that_the_backend_logs_is_found_in_loki(
    stack: Workbench, config: dict[str, Any], door: str
) -> None:
    mark = uuid.uuid4().hex
    # What is no mapping of keywords is a fault of the example's, and its traceback names the task.
    assert httpx.post(f"{door}/api/tasks/{mark}", json=[1]).status_code == 500

    def found() -> set[str]:
        query = f'{{stack="{STACK}"}} |= "{mark}"'
        return {labels["service"] for labels, _ in lines(port(config, "loki"), query)}

    assert "backend" in eventually(found, seconds=60)


@pytest.mark.parametrize("service", ["backend"])
def test_a_part_that_hangs_is_an_alert_until_it_answers_again(
    stack: Workbench, watched: Watched, service: str
) -> None:
    eventually(lambda: "ServiceDown" not in watched.alerts(service))
    with hanging(stack, service):
        eventually(lambda: "ServiceDown" in watched.alerts(service), seconds=60)
    eventually(lambda: "ServiceDown" not in watched.alerts(service), seconds=60)


def test_numbers_are_those_of_the_stack_file(stack: Workbench, config: dict[str, Any]) -> None:
    rows = {row["service"]: row for row in plan(stack)["services"]}
    assert {spec.name for spec in planned(config).services} == set(rows)
    assert rows["backend"]["memory"] == "2GiB"
    assert len([name for name in rows if name.startswith("agents-")]) == AGENTS
    for service, row in rows.items():
        used = sum(process.memory_info().rss for process in processes(stack, service)) / 1024**2
        print(f"{service}: {used:.0f} MiB of {row['memory']}")


def test_no_secret_is_in_plain_text(stack: Workbench) -> None:
    assert leaks(stack, docker=False) == []


def test_destroy_leaves_nothing_but_data(stack: Workbench) -> None:
    stack.destroy()
    assert [found for service in stack.root.iterdir() for found in processes(stack, service.name)] == []
    assert (stack.root / "chromadb" / "data").is_dir()
