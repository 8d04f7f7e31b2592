"""Monitoring in containers for real: figures, alerts and logs of what runs beside it on private networks.

The programs are Debian's, under the names that the official images have for them. What is asked of Prometheus,
Loki and Alertmanager is asked inside of their containers, for none of their ports is published.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import psutil
import pytest

from tests.e2e.beside import Beside
from tests.e2e.image import POSTGRES
from tests.e2e.leaks import leaks
from tests.e2e.story import eventually, settled
from tests.e2e.workbench import Workbench

STACK = "watchedbox"
_BESIDE = Beside(STACK)
container, asked, series = _BESIDE.container, _BESIDE.asked, _BESIDE.series
FRONT = 61780
WATCHED: dict[str, Any] = {
    "redis": {"memory": "64MiB"},
    "postgres": {"memory": "256MiB", "version": POSTGRES},
    "nginx": {"port": FRONT},
}
WATCHING: dict[str, Any] = {
    # Quick to notice, so that the tests are.
    "prometheus": {"memory": "256MiB", "interval": "3s", "patience": "3s"},
    "alertmanager": {"group-wait": "0s"},
    "node-exporter": {},
    "redis-exporter": {},
    "postgres-exporter": {},
    "nginx-exporter": {},
    "blackbox-exporter": {},
    "process-exporter": {},
    "loki": {},
    "promtail": {},
}


@pytest.fixture(scope="module")
def stack(bench: Callable[..., Workbench], containers: str) -> Workbench:
    """The stack, up."""
    services = {**WATCHED, **WATCHING}
    values = {
        "runtime": "docker",
        "host": {"reserve": "512MiB"},
        "services": services,
        "images": dict.fromkeys(services, containers),
    }
    made = bench(STACK, values)
    made.up()
    return made


def firing(service: str) -> set[str]:
    """Names of the alerts about a service that Alertmanager shows."""
    alerts = asked("alertmanager", 9093, "/api/v2/alerts?active=true")
    return {found["labels"]["alertname"] for found in alerts if found["labels"].get("service") == service}


def test_every_job_is_up(stack: Workbench) -> None:
    targets = asked("prometheus", 9090, "/api/v1/targets")["data"]["activeTargets"]
    jobs = {target["labels"]["job"] for target in targets}
    assert jobs >= WATCHING.keys()
    eventually(lambda: {metric["job"] for metric, value in series("up") if value == 1} == jobs)


def test_every_service_answers_its_probe(stack: Workbench) -> None:
    everyone = WATCHED.keys() | WATCHING.keys()
    eventually(lambda: {row["service"] for row, value in series("probe_success") if value == 1} == everyone)


@pytest.mark.parametrize("metric", ["redis_up", "pg_up", "nginx_up"])
def test_an_exporter_gets_through_to_what_it_watches(stack: Workbench, metric: str) -> None:
    eventually(lambda: [value for _, value in series(metric)] == [1])


def test_the_figures_of_the_host_are_its_own_and_not_the_container_s(stack: Workbench) -> None:
    ((_, total),) = eventually(lambda: series("node_memory_MemTotal_bytes"))
    assert total == psutil.virtual_memory().total
    known = {row["groupname"] for row, _ in series("namedprocess_namegroup_num_procs")}
    assert known >= {"postgres", "nginx"}


def test_a_line_that_a_service_logs_is_found_in_loki(stack: Workbench) -> None:
    word = f"nobody-{uuid.uuid4().hex}"
    # A server says nothing of who has no password at all.
    client = ["psql", "-h", "127.0.0.1", "-U", word, "-d", "postgres"]
    container("postgres").exec_run(client, environment={"PGPASSWORD": "x"})
    query = quote(f'{{stack="{STACK}"}} |= "{word}"')

    def found() -> list[dict[str, Any]]:
        return asked("loki", 3100, f"/loki/api/v1/query_range?query={query}&since=1h")["data"]["result"]

    assert {one["stream"]["service"] for one in eventually(found, seconds=60)} == {"postgres"}


@pytest.mark.parametrize("service", ["nginx", "redis"])
def test_a_service_that_hangs_is_an_alert_until_it_answers_again(stack: Workbench, service: str) -> None:
    eventually(lambda: "ServiceDown" not in firing(service))
    container(service).pause()
    try:
        eventually(lambda: "ServiceDown" in firing(service), seconds=90)
    finally:
        container(service).unpause()
    eventually(lambda: "ServiceDown" not in firing(service), seconds=90)


def test_nothing_of_it_has_a_port_on_the_host(stack: Workbench) -> None:
    assert [name for name in WATCHING if container(name).attrs["HostConfig"]["PortBindings"]] == []


def test_each_stays_within_its_limit(stack: Workbench) -> None:
    for name in WATCHING:
        one = container(name)
        assert not one.attrs["State"]["OOMKilled"] and one.attrs["RestartCount"] == 0, name


def test_no_secret_is_in_plain_text(stack: Workbench) -> None:
    assert leaks(stack, docker=True) == []


def test_nothing_is_left_to_do(stack: Workbench) -> None:
    settled(stack)
