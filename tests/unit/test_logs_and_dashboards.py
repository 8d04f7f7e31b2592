"""Logs, dashboards, queues and the budget of monitoring: derived from the stack, whatever its services are called."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml
from support.stacks import REPOSITORY, RUNTIMES, everything, plan, values

from components.catalog import cadvisor, loki, promtail
from components.dashboards import dashboards, latency_panels
from components.errors import ConfigurationError
from components.neighbours import Requests
from components.plan_table import as_data, as_text, notes
from components.signals import Panel, Queue, Scrape
from components.spec import ServiceSpec

SHIPPERS = ["alloy", "promtail", "vector"]


def service(name: str, services: dict[str, Any], runtime: str = "supervisord") -> ServiceSpec:
    return plan(values(runtime, services)).service(name)


def text(spec: ServiceSpec, name: str) -> str:
    (found,) = [file.content for file in spec.files if file.path.endswith(f"/{name}")]
    return found


@pytest.mark.parametrize("name", SHIPPERS)
def test_a_shipper_ships_to_whoever_takes_logs(name: str) -> None:
    spec = service(name, {name: {}, "attic": {"type": "loki", "port": 4100}}, "docker")
    assert "http://attic:4100" in spec.files[0].content
    assert spec.needs == ("attic",)


@pytest.mark.parametrize("name", SHIPPERS)
def test_a_shipper_without_a_store_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{name} needs a service that offers logs; add one"):
        service(name, {name: {}})


@pytest.mark.parametrize("name", SHIPPERS)
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_shipper_does_not_change_with_the_services_it_ships_for(name: str, runtime: str) -> None:
    few = service(name, {name: {}, "loki": {}}, runtime)
    more = service(
        name, {name: {}, "loki": {}, "redis": {}, "cache": {"type": "redis", "port": 7000}}, runtime
    )
    assert few == more


@pytest.mark.parametrize("runtime", ["supervisord", "launchd-user"])
def test_the_service_is_read_from_the_path_of_its_log(runtime: str) -> None:
    spec = plan({**everything(runtime), "data": "/srv/my.data"}).service("promtail")
    job = yaml.safe_load(text(spec, "promtail.yaml"))["scrape_configs"][0]
    assert job["static_configs"][0]["labels"]["__path__"] == "/srv/my.data/*/log/*.log"
    expression = job["pipeline_stages"][0]["regex"]["expression"]
    assert re.match(expression, "/srv/my.data/pg-2/log/pg-2.log")["service"] == "pg-2"
    assert not re.match(expression, "/srv/my-data/pg-2/log/pg-2.log")


@pytest.mark.parametrize(
    ("scope", "field", "ends"),
    [("user", "syslog_identifier", [""]), ("system", "_systemd_unit", [".service", ".job.service"])],
)
def test_the_service_is_read_from_its_unit(scope: str, field: str, ends: list[str]) -> None:
    spec = plan(everything(f"systemd-{scope}")).service("promtail")
    keep, label = yaml.safe_load(text(spec, "promtail.yaml"))["scrape_configs"][0]["relabel_configs"]
    assert keep["source_labels"] == label["source_labels"] == [f"__journal_{field}"]
    assert keep["action"] == "keep"
    for end in ends:
        # As Prometheus and all that relabel like it do.
        assert re.fullmatch(keep["regex"], f"hearth-test-redis{end}")["service"] == "redis"
        assert not re.fullmatch(keep["regex"], f"hearth-other-redis{end}")


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_vector_is_told_one_source_one_transform_and_one_sink(runtime: str) -> None:
    found = yaml.safe_load(text(plan(everything(runtime)).service("vector"), "vector.yaml"))
    assert found["transforms"]["services"]["inputs"] == list(found["sources"])
    assert found["sinks"]["store"]["inputs"] == list(found["transforms"])
    assert found["sinks"]["store"]["labels"] == {"stack": "test", "service": "{{ service }}"}
    assert found["sources"]["lines"]["type"] == ("journald" if "systemd" in runtime else "file")


@pytest.mark.parametrize("module", [loki, promtail], ids=lambda module: module.PACKAGE.go)
def test_the_built_version_is_that_of_the_image(module: Any) -> None:
    lines = (REPOSITORY / "toolchain" / module.PACKAGE.go / "go.mod").read_text()
    assert f"github.com/grafana/loki/v3 v{module.VERSION} " in lines


# Dashboards ---------------------------------------------------------------------------------------


def boards(services: dict[str, Any]) -> dict[str, Any]:
    spec = service("grafana", {"grafana": {}, **services})
    return {
        file.path.rpartition("/")[2].removesuffix(".json"): json.loads(file.content)
        for file in spec.files
        if file.path.endswith(".json")
    }


def test_there_is_a_dashboard_for_what_the_stack_has_and_no_other() -> None:
    assert set(boards({})) == {"latency"}
    assert set(boards({"loki": {}})) == {"latency", "logs"}
    assert set(boards({"node-exporter": {}})) == {"latency", "host", "backups"}
    assert set(boards({"redis": {}, "redis-exporter": {}})) == {"latency", "data", "queues"}


def test_what_two_services_bring_alike_is_drawn_once() -> None:
    one = {"redis": {}, "redis-exporter": {}}
    two = {
        "cache": {"type": "redis", "port": 7000},
        "second": {"type": "redis-exporter", "port": 7001, "watches": "cache"},
    }
    assert boards(one | two) == boards(one)


def test_every_histogram_of_requests_is_drawn_as_three_quantiles() -> None:
    asked = {name: Requests(scrapes=(Scrape(latency="app_seconds"),)) for name in ("a", "b")}
    found = latency_panels(asked)
    assert [panel.title for panel in found] == ["App: requests p50", "App: requests p95", "App: requests p99"]
    assert found[1].query == "histogram_quantile(0.95, sum by (service, le) (rate(app_seconds_bucket[5m])))"


def test_lines_come_below_the_graphs() -> None:
    panels = [Panel(title="lines", query="{a=~`.+`}", group="logs", language="logql", lines=True)]
    panels += [Panel(title=title, query="up", group="logs") for title in "abc"]
    source = {"type": "t", "uid": "u"}
    (board,) = dashboards("s", panels, {"promql": source, "logql": source}).values()
    assert [(p["title"], p["gridPos"]["x"], p["gridPos"]["y"]) for p in board["panels"]] == [
        ("a", 0, 0), ("b", 12, 0), ("c", 0, 8), ("lines", 0, 16),
    ]  # fmt: skip


def test_a_grafana_shows_what_there_is_and_needs_none_of_it() -> None:
    assert service("grafana", {"grafana": {}}).needs == ()
    assert "[]" in text(service("grafana", {"grafana": {}}), "datasources.yml")
    sources = yaml.safe_load(
        text(service("grafana", {"grafana": {}, "attic": {"type": "loki"}}), "datasources.yml")
    )["datasources"]
    assert [(source["type"], source["isDefault"]) for source in sources] == [("loki", True)]


@pytest.mark.parametrize("kind", ["cadvisor", "ollama"])
def test_of_containers_the_stack_s_own_are_drawn_and_watched(kind: str) -> None:
    made = plan(values("docker", {"grafana": {}, "prometheus": {}, kind: {}}))
    files = [file.content for name in ("grafana", "prometheus") for file in made.service(name).files]
    asked = re.findall(r"(?<=container_)\w+\{[^}]*\}", "".join(files).replace('\\"', '"'))
    assert asked
    assert all('container_label_hearth_stack="test"' in one for one in asked)


def test_the_launcher_of_the_tests_has_the_library_of_the_image_s_version() -> None:
    lines = (REPOSITORY / "tests" / "standins" / "cadvisor" / "go.mod").read_text()
    assert f"github.com/google/cadvisor {cadvisor.IMAGE.tag}\n" in lines


# Queues -------------------------------------------------------------------------------------------


QUEUES = {
    "cache": {"type": "redis", "queues": [{"key": "jobs", "db": 2}, {"key": "mails:{eu}", "depth": 7}]},
    "figures": {"type": "redis-exporter", "watches": "cache"},
    "prometheus": {},
}


def test_a_queue_is_watched_where_it_is() -> None:
    argv = service("figures", QUEUES).process.argv
    assert "--check-single-keys=db2=jobs,db0=mails:{eu}" in argv
    rules = yaml.safe_load(text(service("prometheus", QUEUES), "rules.yml"))
    (rule,) = [
        rule for group in rules["groups"] for rule in group["rules"] if rule.get("alert") == "QueueLong"
    ]
    assert 'redis_key_size{service="cache",db="db2",key="jobs"} > 100' in rule["expr"]
    assert 'redis_key_size{service="cache",db="db0",key="mails:{eu}"} > 7' in rule["expr"]


def test_of_a_queue_its_length_alone_is_seen() -> None:
    line = text(service("cache", QUEUES), "users.acl").splitlines()[-1].split()
    assert [word for word in line if word.startswith(("~", "%", "&"))] == ["%R~jobs", "%R~mails:{eu}"]
    other = {**QUEUES, "cache": {"type": "redis"}}
    line = text(service("cache", other), "users.acl").splitlines()[-1].split()
    assert not any(word.startswith(("~", "%", "&")) or word == "+llen" for word in line)


def test_without_queues_nothing_is_said_of_them() -> None:
    stack = {**QUEUES, "cache": {"type": "redis"}}
    assert not any("check-single-keys" in word for word in service("figures", stack).process.argv)
    assert "QueueLong" not in text(service("prometheus", stack), "rules.yml")


@pytest.mark.parametrize("key", ["a b", "", "a,b", 'a"', "a\nb", "~*"])
def test_a_key_that_could_be_misread_is_refused(key: str) -> None:
    with pytest.raises(ConfigurationError, match=r"hearth:services\.redis\.queues"):
        service("redis", {"redis": {"queues": [{"key": key}]}})
    with pytest.raises(ValueError, match="is refused as a queue's key"):
        Queue(service="redis", key=key)


# The budget ---------------------------------------------------------------------------------------


def test_the_plan_says_what_monitoring_may_take() -> None:
    stack = {
        "redis": {"memory": "1GiB"},
        "prometheus": {"memory": "256MiB"},
        "node-exporter": {"memory": "32MiB"},
    }
    made = plan(values("docker", stack, host={"memory": "8GiB"}))
    assert "monitoring: 288MiB of the host's 8GiB, 3.5 %" in as_text(made)
    assert as_data(made)["memory"]["monitoring"] == "288MiB"
    assert not any("monitoring may take" in note for note in notes(made))
    made = plan(values("docker", stack, host={"memory": "4GiB"}))
    assert any("monitoring may take more than 5 %" in note for note in notes(made))


def test_a_stack_without_monitoring_says_nothing_of_it() -> None:
    assert "monitoring" not in as_text(plan(values("docker", {"redis": {}})))
