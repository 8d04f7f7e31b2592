"""Monitoring: derived from what the services of a stack declare, whatever they are called."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from support.stacks import RUNTIMES, everything, plan, values

from components.catalog import entry_of
from components.config import load_stack_config
from components.errors import ConfigurationError
from components.spec import ServiceSpec

MIB = 1024**2


def service(name: str, services: dict[str, Any] | None = None, runtime: str = "supervisord") -> ServiceSpec:
    stack = everything(runtime) if services is None else values(runtime, services)
    return plan(stack).service(name)


def text(spec: ServiceSpec, name: str) -> str:
    (found,) = [file.content for file in spec.files if file.path.endswith(f"/{name}")]
    return found


def jobs(services: dict[str, Any] | None = None, runtime: str = "supervisord") -> dict[str, dict[str, str]]:
    """Job to target to the service that its figures are of."""
    found = yaml.safe_load(text(service("prometheus", services, runtime), "prometheus.yml"))
    return {
        job["job_name"]: {
            target: group["labels"]["service"]
            for group in job["static_configs"]
            for target in group["targets"]
        }
        for job in found["scrape_configs"]
    }


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_every_service_of_the_stack_is_probed(runtime: str) -> None:
    found = jobs(runtime=runtime)
    probed = {*found["probe/http"].values(), *found["probe/tcp"].values()}
    # Some are out of reach on purpose, and say so by asking for no probe at all; others listen nowhere.
    config = load_stack_config(everything(runtime))
    assert probed == {
        name
        for name, settings in config.services.items()
        if settings.port and entry_of(settings).requests(settings).probes != ()
    }


def test_a_service_under_another_name_is_watched_under_it() -> None:
    found = jobs(
        {
            "figures": {"type": "redis-exporter", "watches": "cache"},
            "cache": {"type": "redis", "port": 7000},
            "prometheus": {},
            "asker": {"type": "blackbox-exporter"},
        }
    )
    assert found["figures"] == {"127.0.0.1:9121": "cache"}
    assert found["probe/tcp"]["127.0.0.1:7000"] == "cache"


def test_routes_are_probed_through_the_front_door() -> None:
    stack = {"prometheus": {}, "blackbox-exporter": {}, "nginx": {}, "ollama": {}}
    assert jobs(stack)["probe/http"]["http://127.0.0.1:8080/ollama/api/version"] == "ollama"
    stack["nginx"] = {"tls": "self-signed"}
    assert jobs(stack)["probe/http"]["https://127.0.0.1:8080/ollama/api/version"] == "ollama"


def test_a_front_door_that_neighbours_cannot_reach_is_not_probed() -> None:
    stack = {"prometheus": {}, "blackbox-exporter": {}, "nginx": {"address": "192.0.2.7"}, "ollama": {}}
    assert set(jobs(stack)["probe/http"].values()) == {"prometheus", "blackbox-exporter", "ollama"}


def test_routes_behind_a_password_are_not_probed_through_the_front_door() -> None:
    stack = {"prometheus": {}, "blackbox-exporter": {}, "nginx": {"basic-auth": True}, "ollama": {}}
    assert "http://127.0.0.1:8080/healthz" in jobs(stack)["probe/http"]
    assert not any("/ollama/" in target for target in jobs(stack)["probe/http"])


def test_without_a_prober_nothing_is_probed_and_without_alertmanager_no_alert_is_sent() -> None:
    stack = {"prometheus": {}, "redis": {}}
    assert set(jobs(stack)) == {"prometheus"}
    assert "alerting" not in yaml.safe_load(text(service("prometheus", stack), "prometheus.yml"))


def test_alerts_go_to_whoever_takes_them() -> None:
    stack = {"prometheus": {}, "bell": {"type": "alertmanager", "port": 9999}}
    found = yaml.safe_load(text(service("prometheus", stack, "docker"), "prometheus.yml"))
    assert found["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] == ["bell:9999"]


def test_thresholds_come_from_the_stack_file() -> None:
    settings = {
        "cpu-percent": 11, "memory-percent": 22, "disk-percent": 33, "latency-ms": 440, "availability": 99,
        "restarts": 5, "certificate-days": 60, "patience": "77s",
    }  # fmt: skip
    rules = text(service("prometheus", {"prometheus": settings}), "rules.yml")
    for figure in ("> 11.0", "> 22.0", "> 33.0", "> 0.44", "> 0.144", "> 5 or", "> 10", "< 60", "for: 77s"):
        assert figure in rules, figure


def test_figures_are_bounded_in_memory_and_on_disk() -> None:
    settings = {"memory": "256MiB", "retention": "30d", "retention-size": "2GiB"}
    process = service("prometheus", {"prometheus": settings}).process
    assert "--storage.tsdb.retention.time=2592000s" in process.argv
    assert "--storage.tsdb.retention.size=2048MB" in process.argv
    (samples,) = [word for word in process.argv if word.startswith("--query.max-samples=")]
    assert int(samples.partition("=")[2]) * 16 <= 256 * MIB // 4
    assert 128 * MIB < int(process.env["GOMEMLIMIT"]) < 256 * MIB


def test_figures_last_as_long_as_the_longest_look_back() -> None:
    with pytest.raises(ConfigurationError, match=r"hearth:services\.prometheus\.retention"):
        service("prometheus", {"prometheus": {"retention": "2d"}})


@pytest.mark.parametrize("name", ["redis-exporter", "postgres-exporter", "nginx-exporter"])
def test_an_exporter_of_nobody_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"{name}.*which is not in hearth:services"):
        service(name, {name: {}})


def test_an_account_is_made_only_for_whoever_asks_for_one() -> None:
    assert "hearth-watch" not in text(service("redis", {"redis": {}}), "users.acl")
    sql = text(service("postgres", {"postgres": {}}), "roles.sql")
    assert 'CREATE ROLE "hearth-watch"' not in sql
    # One from before lets nobody in any more.
    assert 'ALTER ROLE "hearth-watch" NOLOGIN' in sql
    assert "stub_status" not in text(service("nginx", {"nginx": {}}), "nginx.conf")


def test_the_password_of_an_account_is_that_of_nobody_else() -> None:
    stack = {
        "redis": {}, "redis-watch": {"type": "redis", "port": 7000}, "redis-exporter": {},
        "postgres": {"databases": [{"name": "app"}, {"name": "watch"}]}, "postgres-exporter": {},
    }  # fmt: skip
    for name in ("redis", "postgres"):
        own = set(service(name, stack).secrets)
        exporter = set(service(f"{name}-exporter", stack).secrets)
        assert exporter <= own
        assert len(own) == (2 if name == "redis" else 3)
        assert not exporter & set(service("redis-watch", stack).secrets)


def test_the_account_on_redis_may_read_no_key_and_no_setting() -> None:
    line = text(service("redis"), "users.acl").splitlines()[-1].split()
    assert line[:4] == ["user", "hearth-watch", "on", ">@@watch@@"]
    assert line[4:7] == ["resetkeys", "resetchannels", "-@all"]
    assert not any(word.startswith(("~", "&", "+@", "+config", "+get", "+acl")) for word in line)


def test_the_role_on_postgresql_may_read_statistics_alone() -> None:
    sql = text(service("postgres"), "roles.sql")
    (line,) = [line for line in sql.splitlines() if line.startswith('ALTER ROLE "hearth-watch"')]
    assert "NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION CONNECTION LIMIT" in line
    assert 'GRANT pg_monitor TO "hearth-watch"' in sql
    assert 'ON DATABASE "app" TO "hearth-watch"' not in sql


@pytest.mark.parametrize("runtime", ["docker", "supervisord"])
def test_the_status_page_is_published_nowhere(runtime: str) -> None:
    spec = service("nginx", runtime=runtime)
    (port,) = [port for port in spec.ports if port.name == "status-8081"]
    assert not port.publish
    listen = "0.0.0.0" if runtime == "docker" else "127.0.0.1"
    assert f"listen {listen}:8081;" in text(spec, "nginx.conf")


def test_exporters_read_their_passwords_from_files() -> None:
    spec = service("redis-exporter", runtime="docker")
    passwords = json.loads(text(spec, "passwords.json"))
    assert set(passwords) == {"redis://redis:6379", "redis://hearth-watch@redis:6379"}
    assert "/run/hearth-secrets/passwords.json" in spec.process.argv
    spec = service("postgres-exporter", runtime="docker")
    assert spec.process.env["DATA_SOURCE_PASS_FILE"] == "/run/hearth-secrets/password"


def test_alerts_leave_the_host_only_where_they_are_to_be_sent() -> None:
    assert "egress" not in service("alertmanager", {"alertmanager": {}}).networks
    sent = service("alertmanager", {"alertmanager": {"webhook": "https://example.org/hook"}})
    assert "egress" in sent.networks
    assert "https://example.org/hook" in text(sent, "alertmanager.yml")


@pytest.mark.parametrize("address", ["ftp://example.org", "https://user:word@example.org/", "https://a b"])
def test_a_webhook_with_a_password_in_it_is_refused(address: str) -> None:
    with pytest.raises(ConfigurationError, match=r"hearth:services\.alertmanager\.webhook"):
        service("alertmanager", {"alertmanager": {"webhook": address}})
