"""Applications: their neighbours, keys and what is on the front door."""

from __future__ import annotations

import re
from typing import Any

import pytest
from support.mocks import Recorder
from support.stacks import MIB, RUNTIMES, contained, kinds, plan, record, values

from components.applications import ApplicationSettings
from components.catalog import entries
from components.errors import ConfigurationError
from components.spec import ServiceSpec

COMMAND = "command:local:Command"
STORES = {"postgres": {}, "redis": {}, "ollama": {"models": ["llama3.2:1b"]}}
APPLICATIONS = [
    kind for kind in kinds("supervisord") if issubclass(entries()[kind].settings, ApplicationSettings)
]

every_application = pytest.mark.parametrize("kind", APPLICATIONS)


def described(services: dict[str, Any], name: str, runtime: str = "supervisord") -> ServiceSpec:
    return plan(values(runtime, STORES | services)).service(name)


def with_neighbours(kind: str, **settings: Any) -> dict[str, Any]:
    """The application, and the one that it works for where it is a worker."""
    main = {kind.removesuffix("-worker"): {}} if kind.endswith("-worker") else {}
    return main | {kind: settings}


def text(spec: ServiceSpec) -> str:
    """Everything that is written for a service."""
    return "\n".join([*spec.process.argv, *spec.process.env.values(), *(file.content for file in spec.files)])


@every_application
@pytest.mark.parametrize("runtime", ["docker", "supervisord"])
def test_it_is_led_to_its_neighbours_by_their_endpoints(kind: str, runtime: str) -> None:
    found = text(described(with_neighbours(kind), kind, runtime))
    host = "postgres" if runtime == "docker" else "127.0.0.1"
    assert host in found
    assert "5432" in found
    assert "11434" in found


@every_application
def test_a_neighbour_may_have_another_name_and_port(kind: str) -> None:
    services = {
        "first": {"type": "postgres", "port": 5433}, "second": {"type": "postgres", "port": 5434},
        "models": {"type": "ollama", "port": 11435},
    } | with_neighbours(kind, postgres="second")  # fmt: skip
    made = plan(values("supervisord", {"redis": {}} | services)).service(kind)
    assert "second" in made.needs
    assert "5434" in text(made)
    assert "11435" in text(made)


@every_application
def test_a_neighbour_that_is_not_there_is_named(kind: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"{kind} needs elsewhere, which is not in hearth:services"):
        described(with_neighbours(kind, postgres="elsewhere"), kind)


@every_application
def test_without_models_it_runs_all_the_same(kind: str) -> None:
    services = {name: {} for name in ("postgres", "redis")} | with_neighbours(kind)
    assert "11434" not in text(plan(values("supervisord", services)).service(kind))


@every_application
def test_it_is_closed_unless_it_is_opened(kind: str) -> None:
    assert not {"frontend", "egress"} & set(described(with_neighbours(kind), kind).networks)
    opened = described(with_neighbours(kind, publish=True, outbound=True), kind)
    assert {"frontend", "egress"} <= set(opened.networks)


@every_application
def test_it_has_a_database_and_a_key_of_its_own(kind: str) -> None:
    secrets = {ref.name: ref for ref in described(with_neighbours(kind), kind).secrets}
    main = kind.removesuffix("-worker")
    assert secrets[f"{main}-key"].guards == main
    assert f"postgres-{main.replace('-', '_')}" in secrets


@pytest.mark.parametrize("kind", [kind for kind in APPLICATIONS if not kind.endswith("-worker")])
def test_it_needs_no_database_server_with_sqlite(kind: str) -> None:
    made = plan(values("supervisord", {kind: {"database": "sqlite"}}))
    assert made.service(kind).needs == ()
    assert "sqlite" in text(made.service(kind))


def keyed(runtime: str) -> Recorder:
    return record(values(runtime, STORES | {"n8n": {}, "n8n-worker": {}}))


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_one_key_guards_the_data_of_a_main_process_and_is_its_workers(runtime: str) -> None:
    made = keyed(runtime).named("secret-n8n-key", COMMAND).inputs["create"]
    where = "--volume test-n8n-data" if contained(runtime) else "--data /var/lib/hearth/test/n8n/data"
    assert made.endswith(where)


def test_the_volume_of_guarded_data_is_made_after_its_key() -> None:
    found = keyed("docker")
    key = found.named("secret-n8n-key", COMMAND).urn
    for service in ("n8n", "n8n-worker"):
        assert key in found.named(f"{service}-data", "docker:index/volume:Volume").dependencies


@every_application
def test_the_heap_of_node_stays_below_the_limit(kind: str) -> None:
    spec = described(with_neighbours(kind, memory="2GiB"), kind)
    heap = re.findall(r"--max-old-space-size=(\d+)", spec.process.env.get("NODE_OPTIONS", ""))
    assert bool(heap) == ("node" in spec.package.programs)
    assert all(1024 <= int(size) <= 0.8 * spec.resources.memory / MIB for size in heap)


def test_n8n_queues_when_there_is_a_worker_and_only_then() -> None:
    alone = described({"n8n": {}}, "n8n")
    assert "EXECUTIONS_MODE" not in alone.process.env
    assert "redis" not in alone.needs
    main = described({"n8n": {}, "slow": {"type": "n8n-worker", "concurrency": 2}}, "n8n")
    worker = described({"n8n": {}, "slow": {"type": "n8n-worker", "concurrency": 2}}, "slow")
    for spec in (main, worker):
        assert spec.process.env["EXECUTIONS_MODE"] == "queue"
        assert spec.process.env["QUEUE_BULL_PREFIX"] == "n8n"
    assert worker.process.argv == ("n8n", "worker", "--concurrency=2")
    assert set(worker.needs) == {"n8n", "postgres", "redis"}
    assert worker.process.env["N8N_RUNNERS_BROKER_PORT"] != main.process.env["N8N_RUNNERS_BROKER_PORT"]


def test_n8n_with_workers_needs_postgres() -> None:
    with pytest.raises(ConfigurationError, match="has workers, which need database: postgres"):
        described({"n8n": {"database": "sqlite"}, "n8n-worker": {}}, "n8n")


def test_n8n_is_on_the_front_door_below_its_path() -> None:
    services = STORES | {"n8n": {"path": "/flows/"}, "nginx": {}}
    made = plan(values("supervisord", services))
    assert made.service("n8n").process.env["N8N_PATH"] == "/flows/"
    assert "location /flows/ {" in made.service("nginx").files[0].content


def test_open_webui_finds_vectors_where_it_is_told() -> None:
    assert described({"open-webui": {}}, "open-webui").process.env["VECTOR_DB"] == "pgvector"
    alone = plan(values("supervisord", {"open-webui": {"database": "sqlite"}})).service("open-webui")
    assert alone.process.env["VECTOR_DB"] == "chroma"
    with pytest.raises(ConfigurationError, match="open-webui needs qdrant"):
        described({"open-webui": {"vectors": "qdrant"}}, "open-webui")
    with pytest.raises(ConfigurationError, match="vectors: pgvector needs database: postgres"):
        described({"open-webui": {"vectors": "pgvector", "database": "sqlite"}}, "open-webui")


def test_the_address_of_a_service_is_its_own_port_and_not_another_one_of_its() -> None:
    platform = record(values("supervisord", {"n8n": {"database": "sqlite"}}))
    (component,) = platform.of_type("hearth:platform:Platform")
    assert component.outputs["urls"] == {"n8n": "127.0.0.1:5678"}
