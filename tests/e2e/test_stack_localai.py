"""The stack file of the LocalAI services without containers, but for LocalAI and Grafana, whose makers alone have them.

The embeddings model has eight dimensions, for no hub is in reach.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import psycopg
import pytest
import redis
from support import onnx_model

from tests.e2e.leaks import leaks
from tests.e2e.processes import processes
from tests.e2e.stack_files import Watched, native, planned, port
from tests.e2e.story import eventually, plan, settled
from tests.e2e.workbench import Workbench

STACK = "localai"


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    """The stack file as it is but for ports and the model, and with figures that come every second."""
    made = native(STACK, 64301, runtime={"runtime": "supervisord"})
    made["services"]["embeddings"] |= {"model": "tiny"}
    made["services"]["prometheus"] |= {"interval": "1s", "patience": "2s"}
    return made


@pytest.fixture(scope="module")
def stack(bench: Callable[..., Workbench], config: dict[str, Any]) -> Workbench:
    """The stack, up."""
    made = bench(STACK, config)
    onnx_model.write(made.root / "embeddings" / "data" / "tiny")
    made.up()
    return made


@pytest.fixture(scope="module")
def door(config: dict[str, Any]) -> str:
    return f"http://127.0.0.1:{port(config, 'nginx')}"


def test_nothing_is_left_to_do(stack: Workbench) -> None:
    settled(stack)


def test_each_of_the_two_keeps_notes_of_its_own(stack: Workbench, config: dict[str, Any], door: str) -> None:
    """One is behind the door; the other is asked by its neighbours alone."""
    graph, orchestrator = f"{door}/graph/notes", f"http://127.0.0.1:{port(config, 'orchestrator')}/notes"
    assert httpx.post(graph, json={"text": "a workflow"}).json() == ["a workflow"]
    assert httpx.post(orchestrator, json={"text": "a processor"}).json() == ["a processor"]
    assert httpx.get(graph).json() == ["a workflow"]
    assert httpx.get(f"{door}/orchestrator/").status_code == 404


def test_both_count_in_the_one_cache_which_lets_go_of_what_is_used_least(
    stack: Workbench, config: dict[str, Any], door: str
) -> None:
    first = httpx.get(f"{door}/graph/").json()["visits"]
    assert httpx.get(f"http://127.0.0.1:{port(config, 'orchestrator')}/").json()["visits"] == first + 1
    cache = redis.Redis(port=port(config, "redis"), password=stack.secret("redis"), decode_responses=True)
    assert cache.config_get("maxmemory-policy") == {"maxmemory-policy": "allkeys-lru"}


@pytest.mark.parametrize("service", ["postgres", "pgbouncer"])
def test_rows_are_found_directly_and_through_the_pool(
    stack: Workbench, config: dict[str, Any], door: str, service: str
) -> None:
    httpx.get(f"{door}/graph/notes")
    login = f"user=graph dbname=graph password={stack.secret('postgres-graph')}"
    address = f"host=127.0.0.1 port={port(config, service)} {login}"
    with psycopg.connect(address, prepare_threshold=None) as connection:
        assert connection.execute("SELECT count(*) FROM notes").fetchone()[0] > 0


def test_many_clients_are_let_in(stack: Workbench, config: dict[str, Any]) -> None:
    login = f"user=graph dbname=graph password={stack.secret('postgres-graph')}"
    with psycopg.connect(f"host=127.0.0.1 port={port(config, 'postgres')} {login}") as connection:
        assert connection.execute("SHOW max_connections").fetchone() == ("250",)


def test_vectors_are_those_of_the_model(stack: Workbench, door: str) -> None:
    texts = ["red blue", "green"]
    answer = httpx.post(f"{door}/embeddings/v1/embeddings", json={"input": texts}, timeout=60).json()
    for text, found in zip(texts, answer["data"], strict=True):
        np.testing.assert_allclose(found["embedding"], onnx_model.expected(text), atol=1e-5)


def test_every_job_is_up_and_every_service_answers_its_probe(
    stack: Workbench, config: dict[str, Any]
) -> None:
    watched = Watched(*(f"http://127.0.0.1:{port(config, name)}" for name in ("prometheus", "alertmanager")))
    eventually(lambda: watched.down() == set(), seconds=60)
    eventually(lambda: watched.series("probe_success"))
    eventually(lambda: all(value == 1 for _, value in watched.series("probe_success")))
    assert watched.series("te_request_duration_count")


def test_numbers_are_those_of_the_stack_file(stack: Workbench, config: dict[str, Any]) -> None:
    rows = {row["service"]: row for row in plan(stack)["services"]}
    assert {spec.name for spec in planned(config).services} == set(rows)
    assert {name: rows[name]["memory"] for name in ("postgres", "redis", "graph")} == {
        "postgres": "1GiB", "redis": "512MiB", "graph": "512MiB",
    }  # fmt: skip


def test_no_secret_is_in_plain_text(stack: Workbench) -> None:
    assert leaks(stack, docker=False) == []


def test_destroy_leaves_nothing_but_data(stack: Workbench) -> None:
    stack.destroy()
    assert [found for service in stack.root.iterdir() for found in processes(stack, service.name)] == []
    assert (stack.root / "postgres" / "data").is_dir()
