"""What is counted of requests, tasks and pools, and shares of the CPU: derived from the plan."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from support.rendered import services as native
from support.stacks import plan, record, values

from components.errors import ConfigurationError
from components.spec import ServiceSpec

WEB = {
    "nginx": {},
    "mtail": {},
    "ollama": {},
    "shop": {"type": "api", "command": ["/bin/true"], "route": "/shop/", "replicas": 2},
    "prometheus": {},
}


def text(spec: ServiceSpec, name: str) -> str:
    (found,) = [file.content for file in spec.files if file.path.endswith(f"/{name}")]
    return found


def refused(services: dict[str, Any]) -> str:
    with pytest.raises(ConfigurationError) as caught:
        plan(values("supervisord", services))
    return str(caught.value)


# Requests -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("runtime", "place"),
    [
        ("docker", "/dev/stdout"),
        ("swarm", "/dev/stdout"),
        ("supervisord", "syslog:server=127.0.0.1:3903,nohostname"),
        ("systemd-system", "syslog:server=127.0.0.1:3903,nohostname"),
        ("launchd-user", "syslog:server=127.0.0.1:3903,nohostname"),
    ],
)
def test_nginx_says_a_line_of_each_request_by_service(runtime: str, place: str) -> None:
    services = {
        name: settings
        for name, settings in WEB.items()
        if runtime not in ("docker", "swarm") or name != "shop"
    }
    if runtime == "swarm":
        services["nginx"] = {"address": "0.0.0.0"}
    made = plan(values(runtime, services))
    conf = text(made.service("nginx"), "nginx.conf")
    assert f"access_log {place} counted;" in conf
    assert 'set $hearth_request "hearth-stream ollama";' in conf
    if "shop" in services:
        assert conf.count('set $hearth_request "hearth-request shop";') == 1
    # Nothing of who asked, or for what.
    (line,) = [line for line in conf.splitlines() if "log_format" in line]
    assert not any(
        word in line for word in ("$remote", "$request_uri", "$uri", "$args", "$http_", "$request ")
    )
    assert "mtail" not in made.service("nginx").needs


def test_nobody_counts_and_nothing_is_said() -> None:
    conf = text(plan(values("supervisord", {"nginx": {}, "ollama": {}})).service("nginx"), "nginx.conf")
    assert "hearth_request" not in conf
    assert conf.count("access_log") == 1


def test_what_is_counted_where() -> None:
    mtail = plan(values("docker", {"nginx": {}, "mtail": {}})).service("mtail")
    assert "--logs=/host/containers/*/*-json.log" in mtail.process.argv
    assert '"hearth.stack":"test"' in text(mtail, "requests.mtail")
    assert (mtail.security.uid, mtail.security.reads_logs) == (0, True)
    mtail = plan(values("supervisord", {"nginx": {}, "mtail": {"port": 4000}})).service("mtail")
    assert "--logs=udp://127.0.0.1:4000" in mtail.process.argv
    assert not mtail.security.reads_logs


def test_requests_are_scraped_alerted_on_and_drawn_by_service() -> None:
    made = plan(values("supervisord", {**WEB, "mtail": {"errors-percent": 2}, "grafana": {}}))
    jobs = yaml.safe_load(text(made.service("prometheus"), "prometheus.yml"))["scrape_configs"]
    (job,) = [job for job in jobs if job["job_name"] == "mtail"]
    assert job["honor_labels"]
    rules = text(made.service("prometheus"), "rules.yml")
    assert '(rate(nginx_request_seconds_bucket{job="mtail"}[300s]))) > 0.2' in rules
    assert "alert: ServiceErrors" in rules
    assert "[5m])) > 0.02" in rules
    drawn = "".join(file.content for file in made.service("grafana").files)
    for name in ("Nginx: requests p50", "Nginx: requests p95", "Nginx: requests p99", "Share of answers 5xx"):
        assert name in drawn


def test_there_is_nothing_to_count_without_a_front_door() -> None:
    assert "mtail needs nginx, which is not in hearth:services" in refused({"mtail": {}})


# Tasks --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("runtime", ["docker", "supervisord"])
def test_flower_reads_its_secrets_from_a_file_and_changes_nothing(runtime: str) -> None:
    flower = plan(values(runtime, {"redis": {}, "flower": {}})).service("flower")
    assert "--read_only=true" in flower.process.argv
    kept = text(flower, "environment")
    assert "CELERY_BROKER_URL=redis://:@@redis@@@" in kept
    assert "FLOWER_BASIC_AUTH=hearth:@@password@@" in kept
    assert {ref.name for ref in flower.secrets} == {"redis", "flower-admin"}
    assert not any(
        "@@" in word or "redis://" in word for word in (*flower.process.argv, *flower.process.env.values())
    )


def test_a_broker_must_be_one() -> None:
    assert "flower needs redis, which is not in hearth:services" in refused({"flower": {}})
    message = refused({"flower": {"broker": "postgres"}, "postgres": {}})
    assert "hearth:services.flower" in message


# Pools --------------------------------------------------------------------------------------------


def test_the_account_on_pgbouncer_is_made_only_for_whoever_asks_for_it() -> None:
    stack = {"postgres": {}, "pgbouncer": {}}
    alone = plan(values("supervisord", stack)).service("pgbouncer")
    assert "stats_users" not in text(alone, "pgbouncer.ini")
    assert "hearth-watch" not in text(alone, "users.txt")
    made = plan(values("supervisord", {**stack, "pgbouncer-exporter": {}}))
    assert "stats_users = hearth-watch\n" in text(made.service("pgbouncer"), "pgbouncer.ini")
    assert "admin_users" not in text(made.service("pgbouncer"), "pgbouncer.ini")
    assert '"hearth-watch" "@@hearth-watch@@"' in text(made.service("pgbouncer"), "users.txt")
    exporter = made.service("pgbouncer-exporter")
    assert {ref.name for ref in exporter.secrets} == {"pgbouncer.watch"}
    assert "postgresql://hearth-watch:@@watch@@@127.0.0.1:6432/pgbouncer" in text(exporter, "exporter.yml")


# Shares of the CPU --------------------------------------------------------------------------------


def test_a_share_of_the_cpu_is_docker_s_and_systemd_s_own() -> None:
    weighed = {"redis": {"cpu-weight": 50}, "postgres": {}}
    containers = {
        found.inputs["name"]: found.inputs.get("cpuShares")
        for found in record(values("docker", weighed)).of_type("docker:index/container:Container")
    }
    assert containers == {"test-redis": 512, "test-postgres": None}
    runtime, found = native(values("systemd-system", weighed))
    units = {service.spec.name: runtime.units.render(service) for service in found}
    assert "CPUWeight=50\n" in units["redis"]
    assert "CPUWeight" not in units["postgres"]


@pytest.mark.parametrize("weight", [0, 10001, "much"])
def test_a_share_that_no_kernel_knows_is_refused(weight: object) -> None:
    assert "hearth:services.redis.cpu-weight" in refused({"redis": {"cpu-weight": weight}})
