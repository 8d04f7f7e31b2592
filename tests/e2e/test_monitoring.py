"""Monitoring for real: every figure scraped, a service that hangs noticed, its alert in Alertmanager, its log in Loki."""

from __future__ import annotations

import grp
import json
import pwd
import re
import subprocess
import time
import uuid
from collections.abc import Callable
from typing import Any

import httpx
import psycopg
import pytest
import redis
from support.stacks import plan

from tests.e2e.leaks import leaks
from tests.e2e.loki import lines
from tests.e2e.processes import hanging, processes
from tests.e2e.stack_files import Watched
from tests.e2e.story import eventually, settled
from tests.e2e.workbench import Workbench

REDIS, POSTGRES, NGINX, STATUS = 63613, 63615, 63600, 63601
PROMETHEUS, ALERTMANAGER, LOKI = 63602, 63603, 63611
QUEUE = {"key": "jobs", "db": 2, "depth": 3}
CONFIG = {
    "runtime": "supervisord",
    "host": {"reserve": "512MiB"},
    "services": {
        "redis": {"port": REDIS, "memory": "64MiB", "queues": [QUEUE]},
        "postgres": {"port": POSTGRES, "memory": "256MiB", "max-connections": 20},
        "nginx": {"port": NGINX},
        # Quick to notice, so that the tests are.
        "prometheus": {"port": PROMETHEUS, "memory": "256MiB", "interval": "1s", "patience": "2s"},
        "alertmanager": {"port": ALERTMANAGER, "group-wait": "0s"},
        "node-exporter": {"port": 63604},
        "redis-exporter": {"port": 63607},
        "postgres-exporter": {"port": 63608},
        "nginx-exporter": {"port": 63605, "status-port": STATUS},
        "blackbox-exporter": {"port": 63606},
        "process-exporter": {"port": 63610},
        "glances": {"port": 63609},
        "loki": {"port": LOKI, "grpc-port": 63612},
        "promtail": {"port": 63614},
    },
}

WATCHED = Watched(f"http://127.0.0.1:{PROMETHEUS}", f"http://127.0.0.1:{ALERTMANAGER}")


@pytest.fixture(scope="module")
def stack(bench: Callable[..., Workbench]) -> Workbench:
    """The stack, up."""
    made = bench("monitored", CONFIG)
    made.up()
    return made


def all_ones(query: str) -> bool:
    found = WATCHED.series(query)
    return bool(found) and all(value == 1 for _, value in found)


def test_every_job_is_up(stack: Workbench) -> None:
    jobs = {row["labels"]["job"] for row in targets()}
    # What is only probed has no figures of its own.
    probed = {"redis", "postgres", "nginx", "glances"}
    assert jobs >= CONFIG["services"].keys() - probed
    eventually(lambda: {metric["job"] for metric, value in WATCHED.series("up") if value == 1} == jobs)


def targets() -> list[dict[str, Any]]:
    return httpx.get(f"http://127.0.0.1:{PROMETHEUS}/api/v1/targets").json()["data"]["activeTargets"]


def test_every_service_answers_its_probe(stack: Workbench) -> None:
    eventually(lambda: all_ones("probe_success"))
    assert {metric["service"] for metric, _ in WATCHED.series("probe_success")} == set(CONFIG["services"])


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
    assert eventually(lambda: WATCHED.series(metric))


def test_every_rule_can_be_evaluated(stack: Workbench) -> None:
    def groups() -> list[dict[str, Any]]:
        return httpx.get(f"http://127.0.0.1:{PROMETHEUS}/api/v1/rules").json()["data"]["groups"]

    eventually(lambda: all(rule["health"] == "ok" for group in groups() for rule in group["rules"]))
    assert {group["name"] for group in groups()} == {"host", "services", "availability", "declared"}


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


def panels(stack: Workbench) -> list[dict[str, Any]]:
    """Every panel of the dashboards that a Grafana in this stack would show."""
    whole = {**CONFIG, "data": str(stack.root), "services": {**CONFIG["services"], "grafana": {}}}
    return [
        panel
        for file in plan(whole, name=stack.stack).service("grafana").files
        if "/dashboards/" in file.path and file.path.endswith(".json")
        for panel in json.loads(file.content)["panels"]
    ]


# Of what this stack does not have: backups, a certificate, a Grafana, and now and then an alert.
EMPTY = ("hearth_backup", "hearth_drill", "probe_ssl_", "grafana_", "ALERTS")


def test_every_panel_that_asks_prometheus_is_answered_with_figures(stack: Workbench) -> None:
    asked = [panel for panel in panels(stack) if panel["datasource"]["uid"] == "metrics"]
    assert len(asked) > 40
    for panel in asked:
        (target,) = panel["targets"]
        if any(name in target["expr"] for name in EMPTY):
            WATCHED.series(target["expr"])
            continue
        found = eventually(lambda query=target["expr"]: WATCHED.series(query))
        for label in re.findall(r"{{(\w+)}}", target["legendFormat"]):
            assert label in found[0][0], panel["title"]


def test_every_panel_that_asks_loki_is_answered(stack: Workbench) -> None:
    asked = [panel for panel in panels(stack) if panel["datasource"]["uid"] == "logs"]
    assert len(asked) == 4
    for panel in asked:
        lines(LOKI, panel["targets"][0]["expr"])


def test_a_line_that_a_service_logs_is_found_in_loki(stack: Workbench) -> None:
    nobody = f"nobody-{uuid.uuid4().hex}"
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(f"host=127.0.0.1 port={POSTGRES} user={nobody} password=x dbname=postgres")
    found = eventually(lambda: lines(LOKI, f'{{stack="monitored"}} |= "{nobody}"'), seconds=60)
    assert {labels["service"] for labels, _ in found} == {"postgres"}


def test_lines_are_not_kept_for_ever(stack: Workbench) -> None:
    config = httpx.get(f"http://127.0.0.1:{LOKI}/config").text
    assert "retention_period: 1w" in config
    assert "retention_enabled: true" in config


def test_only_the_shipper_s_account_reads_what_the_others_log(stack: Workbench) -> None:
    def read(account: str) -> subprocess.CompletedProcess[str]:
        who = pwd.getpwnam(account)
        groups = [group.gr_gid for group in grp.getgrall() if account in group.gr_mem]
        return subprocess.run(
            ["tail", "-n1", str(stack.root / "postgres" / "log" / "postgres.log")],
            user=who.pw_uid, group=who.pw_gid, extra_groups=groups, capture_output=True, text=True,
        )  # fmt: skip

    assert read("hearth-promtail").stdout
    for account in ("hearth-redis", "hearth-prometheus", "nobody"):
        assert "Permission denied" in read(account).stderr


def test_a_queue_is_watched_by_its_length_alone(stack: Workbench) -> None:
    queue = redis.Redis(port=REDIS, password=stack.secret("redis"), db=QUEUE["db"])
    eventually(lambda: WATCHED.series('redis_key_size{key="jobs"}')[0][1] == 0)
    queue.lpush(QUEUE["key"], *range(QUEUE["depth"] + 1))
    eventually(lambda: WATCHED.series('redis_key_size{key="jobs"}')[0][1] == QUEUE["depth"] + 1)
    # It is an alert once it has stayed so for five minutes.
    eventually(lambda: WATCHED.series('ALERTS{alertname="QueueLong",alertstate="pending",service="redis"}'))
    queue.delete(QUEUE["key"])
    eventually(lambda: not WATCHED.series('ALERTS{alertname="QueueLong"}'))
    watch = redis.Redis(port=REDIS, username="hearth-watch", password=stack.secret("redis.watch"), db=2)
    for attempt in (
        lambda: watch.lpop("jobs"),
        lambda: watch.lrange("jobs", 0, -1),
        lambda: watch.llen("key"),
    ):
        with pytest.raises(redis.exceptions.NoPermissionError):
            attempt()


def test_processes_are_known_by_their_service(stack: Workbench) -> None:
    known = {metric["groupname"] for metric, _ in WATCHED.series("namedprocess_namegroup_num_procs")}
    assert known >= {"postgres", "nginx", "prometheus", "loki", "promtail", "node_exporter"}


def test_a_backup_that_was_never_made_is_no_alert_and_one_that_is_too_old_is(stack: Workbench) -> None:
    assert WATCHED.series('ALERTS{alertname=~"BackupTooOld|DrillTooOld"}') == []
    old, young = time.time() - 27 * 3600, time.time() - 60
    (stack.root / "backup" / "metrics" / "backup.prom").write_text(
        f'hearth_backup_last_success_timestamp_seconds{{service="postgres"}} {old:.0f}\n'
        f'hearth_backup_last_success_timestamp_seconds{{service="redis"}} {young:.0f}\n'
        f'hearth_drill_last_success_timestamp_seconds{{service="postgres"}} {old:.0f}\n'
    )
    eventually(lambda: "BackupTooOld" in WATCHED.alerts("postgres"))
    assert "BackupTooOld" not in WATCHED.alerts("redis")
    assert "DrillTooOld" not in WATCHED.alerts("postgres")


def test_the_front_door_does_not_lead_to_the_status_page(stack: Workbench) -> None:
    assert "Active connections" in httpx.get(f"http://127.0.0.1:{STATUS}/stub_status").text
    assert httpx.get(f"http://127.0.0.1:{NGINX}/stub_status").status_code == 404


@pytest.mark.parametrize("service", ["nginx", "node-exporter", "redis"])
def test_a_service_that_hangs_is_an_alert_until_it_answers_again(stack: Workbench, service: str) -> None:
    eventually(lambda: "ServiceDown" not in WATCHED.alerts(service))
    with hanging(stack, service):
        eventually(lambda: "ServiceDown" in WATCHED.alerts(service), seconds=60)
    eventually(lambda: "ServiceDown" not in WATCHED.alerts(service), seconds=60)


def test_a_threshold_that_is_crossed_is_an_alert(stack: Workbench) -> None:
    # In a stack this young a few seconds are more than 1.44 % of the hour.
    with hanging(stack, "nginx"):
        eventually(lambda: "AvailabilityBurns" in WATCHED.alerts("nginx"), seconds=60)


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
