"""Monitoring for real: every figure scraped, a service that hangs noticed, its alert in Alertmanager."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import psutil
import psycopg
import pytest
import redis

from tests.e2e.leaks import leaks
from tests.e2e.story import eventually, settled
from tests.e2e.workbench import Workbench

REDIS, POSTGRES, NGINX, STATUS = 61379, 61432, 61080, 61081
PROMETHEUS, ALERTMANAGER = 61090, 61093
CONFIG = {
    "runtime": "supervisord",
    "host": {"reserve": "512MiB"},
    "services": {
        "redis": {"port": REDIS, "memory": "64MiB"},
        "postgres": {"port": POSTGRES, "memory": "256MiB", "max-connections": 20},
        "nginx": {"port": NGINX},
        # Quick to notice, so that the tests are.
        "prometheus": {"port": PROMETHEUS, "memory": "256MiB", "interval": "1s", "patience": "2s"},
        "alertmanager": {"port": ALERTMANAGER, "group-wait": "0s"},
        "node-exporter": {"port": 61100},
        "redis-exporter": {"port": 61121},
        "postgres-exporter": {"port": 61187},
        "nginx-exporter": {"port": 61113, "status-port": STATUS},
        "blackbox-exporter": {"port": 61115},
    },
}


@pytest.fixture(scope="module")
def stack(bench: Callable[..., Workbench]) -> Workbench:
    """The stack, up."""
    made = bench("monitored", CONFIG)
    made.up()
    return made


def series(query: str) -> list[tuple[dict[str, str], float]]:
    """What Prometheus answers: labels and value of each series."""
    answer = httpx.get(f"http://127.0.0.1:{PROMETHEUS}/api/v1/query", params={"query": query}).json()
    assert answer["status"] == "success", answer
    return [(found["metric"], float(found["value"][1])) for found in answer["data"]["result"]]


def firing(service: str) -> set[str]:
    """Names of the alerts about a service that Alertmanager shows."""
    alerts = httpx.get(f"http://127.0.0.1:{ALERTMANAGER}/api/v2/alerts", params={"active": "true"}).json()
    return {a["labels"]["alertname"] for a in alerts if a["labels"].get("service") == service}


def processes(stack: Workbench, service: str) -> list[psutil.Process]:
    """Processes that work in the service's directory."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if f"{process.cwd()}/".startswith(f"{stack.root}/{service}/"):
                found.append(process)
    return found


@contextlib.contextmanager
def hanging(stack: Workbench, service: str) -> Iterator[None]:
    """A service whose process is there and does nothing: no supervisor notices that."""
    stopped = processes(stack, service)
    assert stopped
    for process in stopped:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in stopped:
            process.send_signal(signal.SIGCONT)


def all_ones(query: str) -> bool:
    found = series(query)
    return bool(found) and all(value == 1 for _, value in found)


def test_every_job_is_up(stack: Workbench) -> None:
    jobs = {row["labels"]["job"] for row in targets()}
    assert jobs >= {name for name in CONFIG["services"] if name not in ("redis", "postgres", "nginx")}
    eventually(lambda: {metric["job"] for metric, value in series("up") if value == 1} == jobs)


def targets() -> list[dict[str, Any]]:
    return httpx.get(f"http://127.0.0.1:{PROMETHEUS}/api/v1/targets").json()["data"]["activeTargets"]


def test_every_service_answers_its_probe(stack: Workbench) -> None:
    eventually(lambda: all_ones("probe_success"))
    assert {metric["service"] for metric, _ in series("probe_success")} == set(CONFIG["services"])


@pytest.mark.parametrize("metric", ["redis_up", "pg_up", "nginx_up"])
def test_an_exporter_gets_through_to_what_it_watches(stack: Workbench, metric: str) -> None:
    eventually(lambda: all_ones(metric))


@pytest.mark.parametrize(
    "metric",
    [
        "redis_memory_used_bytes",
        "redis_connected_clients",
        "pg_stat_database_numbackends",
        "pg_database_size_bytes",
        "nginx_http_requests_total",
        "node_cpu_seconds_total",
        "node_memory_MemAvailable_bytes",
        "node_filesystem_avail_bytes",
    ],
)
def test_the_figures_are_there(stack: Workbench, metric: str) -> None:
    assert eventually(lambda: series(metric))


def test_every_rule_can_be_evaluated(stack: Workbench) -> None:
    def groups() -> list[dict[str, Any]]:
        return httpx.get(f"http://127.0.0.1:{PROMETHEUS}/api/v1/rules").json()["data"]["groups"]

    eventually(lambda: all(rule["health"] == "ok" for group in groups() for rule in group["rules"]))
    assert {group["name"] for group in groups()} == {"host", "services", "availability"}


def test_the_accounts_of_the_exporters_see_nothing_else(stack: Workbench) -> None:
    client = redis.Redis(port=REDIS, username="hearth-watch", password=stack.secret("redis.watch"))
    assert client.info()["redis_version"]
    for attempt in (lambda: client.get("key"), lambda: client.config_get("*"), lambda: client.acl_list()):
        with pytest.raises(redis.exceptions.NoPermissionError):
            attempt()
    address = f"host=127.0.0.1 port={POSTGRES} user=hearth-watch password={stack.secret('postgres.watch')}"
    with psycopg.connect(f"{address} dbname=postgres") as connection:
        assert connection.execute("SELECT count(*) FROM pg_stat_activity").fetchone()[0] > 0
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT * FROM pg_authid")
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        psycopg.connect(f"{address} dbname=app")


def test_the_front_door_does_not_lead_to_the_status_page(stack: Workbench) -> None:
    assert "Active connections" in httpx.get(f"http://127.0.0.1:{STATUS}/stub_status").text
    assert httpx.get(f"http://127.0.0.1:{NGINX}/stub_status").status_code == 404


@pytest.mark.parametrize("service", ["nginx", "node-exporter", "redis"])
def test_a_service_that_hangs_is_an_alert_until_it_answers_again(stack: Workbench, service: str) -> None:
    eventually(lambda: "ServiceDown" not in firing(service))
    with hanging(stack, service):
        eventually(lambda: "ServiceDown" in firing(service), seconds=60)
    eventually(lambda: "ServiceDown" not in firing(service), seconds=60)


def test_a_threshold_that_is_crossed_is_an_alert(stack: Workbench) -> None:
    # In a stack this young a few seconds are more than 1.44 % of the hour.
    with hanging(stack, "nginx"):
        eventually(lambda: "AvailabilityBurns" in firing("nginx"), seconds=60)


def test_all_of_it_stays_within_its_limits(stack: Workbench) -> None:
    rows = {row["service"]: row for row in stack.outputs()["plan"]["services"]}
    for service in rows:
        used = sum(process.memory_info().rss for process in processes(stack, service)) / 1024**2
        print(f"{service}: {used:.0f} MiB of {rows[service]['memory']}")
        if service not in ("postgres", "nginx"):
            assert used < float(rows[service]["memory"].removesuffix("MiB"))


def test_no_secret_is_in_plain_text(stack: Workbench) -> None:
    assert leaks(stack, docker=False) == []


def test_nothing_is_left_to_do(stack: Workbench) -> None:
    settled(stack)
