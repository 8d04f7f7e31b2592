"""Stores of vectors, documents and graphs, and the pool before PostgreSQL."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from support.stacks import RUNTIMES, contained, plan, values

from components.catalog import qdrant
from components.errors import ConfigurationError
from components.spec import ConfigFile, ServiceSpec

every_runtime = pytest.mark.parametrize("runtime", RUNTIMES)


def service(kind: str, services: dict[str, Any], runtime: str = "supervisord") -> ServiceSpec:
    return plan(values(runtime, services)).service(kind)


def file(spec: ServiceSpec, name: str) -> ConfigFile:
    (found,) = [file for file in spec.files if file.path.endswith(f"/{name}")]
    return found


def refused(services: dict[str, Any]) -> str:
    with pytest.raises(ConfigurationError) as error:
        plan(values("docker", services))
    return str(error.value)


@every_runtime
@pytest.mark.parametrize("kind", ["chromadb", "mongodb", "neo4j", "pgbouncer", "qdrant"])
def test_a_store_is_on_no_network_that_leads_outside(kind: str, runtime: str) -> None:
    spec = service(kind, {kind: {}, "postgres": {}}, runtime)
    assert not {"frontend", "egress"} & set(spec.networks)
    assert not any(port.publish for port in spec.ports)


def test_who_has_no_password_says_so() -> None:
    assert "no password" in service("chromadb", {"chromadb": {}}).notes[0]


# Qdrant -------------------------------------------------------------------------------------------


def test_a_client_finds_the_key_that_the_server_is_made_with() -> None:
    made = file(service("vectors", {"vectors": {"type": "qdrant"}}), "config.yaml")
    assert made.secrets["key"] == qdrant.api_key("vectors")
    assert yaml.safe_load(made.content)["service"]["api_key"] == "@@key@@"


def test_who_scrapes_gets_a_key_of_its_own_that_cannot_write() -> None:
    services = {"vectors": {"type": "qdrant"}, "prometheus": {}}
    made = file(service("vectors", services), "config.yaml")
    reader = file(service("prometheus", services), "vectors.token")
    assert set(reader.secrets.values()) == {made.secrets["reader"]} != {made.secrets["key"]}
    assert yaml.safe_load(made.content)["service"]["read_only_api_key"] == "@@reader@@"
    (job,) = [
        job
        for job in yaml.safe_load(file(service("prometheus", services), "prometheus.yml").content)[
            "scrape_configs"
        ]
        if job["job_name"] == "vectors"
    ]
    assert job["authorization"] == {"credentials_file": reader.path}


def test_without_a_guarded_service_prometheus_has_no_secret() -> None:
    assert not service("prometheus", {"prometheus": {}, "redis": {}, "chromadb": {}}).secrets


# MongoDB ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["admin", "local", "config", "a-b", "A", ""])
def test_a_name_that_is_mongodbs_own_or_would_need_quoting_is_refused(name: str) -> None:
    assert "hearth:services.mongodb.databases.0" in refused({"mongodb": {"databases": [name]}})


def test_too_little_for_its_cache_is_refused() -> None:
    assert "hearth:services.mongodb.memory" in refused({"mongodb": {"memory": "256MiB"}})


# Neo4j --------------------------------------------------------------------------------------------


def test_its_page_is_there_when_it_is_asked_for() -> None:
    plain, open_ = service("neo4j", {"neo4j": {}}), service("neo4j", {"neo4j": {"http-port": 7474}})
    assert [port.number for port in plain.ports] == [7687]
    assert [port.number for port in open_.ports] == [7687, 7474]
    assert "server.http.enabled=false\n" in file(plain, "neo4j.conf").content
    assert "server.http.listen_address=127.0.0.1:7474\n" in file(open_, "neo4j.conf").content


def test_clients_are_led_to_the_name_that_they_know_it_by() -> None:
    conf = file(service("facts", {"facts": {"type": "neo4j"}}, "docker"), "neo4j.conf").content
    assert "server.bolt.advertised_address=facts:7687\n" in conf


def test_its_password_is_on_no_command_line() -> None:
    spec = service("neo4j", {"neo4j": {}})
    assert (
        f"set-initial-password '@{file(spec, 'password.arguments').path}'" in file(spec, "start.sh").content
    )


# PgBouncer ----------------------------------------------------------------------------------------

BOTH = {"postgres": {"databases": [{"name": "app"}, {"name": "notes"}]}, "pgbouncer": {}}


@every_runtime
def test_every_database_of_the_stack_has_a_pool_and_its_role_is_let_in(runtime: str) -> None:
    spec = service("pgbouncer", BOTH, runtime)
    host = "postgres" if contained(runtime) else "127.0.0.1"
    ini = file(spec, "pgbouncer.ini").content
    for name in ("app", "notes"):
        assert f"\n{name} = host={host} port=5432 dbname={name}\n" in ini
    assert file(spec, "users.txt").content == '"app" "@@app@@"\n"notes" "@@notes@@"\n'
    assert {ref.name for ref in spec.secrets} == {"postgres-app", "postgres-notes"}
    assert spec.needs == ("postgres",)


def test_the_plan_says_how_many_connections_postgresql_must_allow() -> None:
    assert "up to 120 connections to postgres" in service("pgbouncer", BOTH).notes[0]


def test_an_application_is_led_to_the_pool_by_its_name() -> None:
    services = {
        "postgres": {},
        "pgbouncer": {},
        "open-webui": {"database": "postgres", "postgres": "pgbouncer"},
    }
    spec = service("open-webui", services)
    assert "pgbouncer" in spec.needs
    assert any("@127.0.0.1:6432/" in file.content for file in spec.files)
    assert '"open_webui" "@@open_webui@@"' in file(service("pgbouncer", services), "users.txt").content


def test_a_pool_before_nothing_is_refused() -> None:
    assert "needs postgres, which is not in hearth:services" in refused({"pgbouncer": {}})
