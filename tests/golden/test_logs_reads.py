"""Loki, Promtail and Alloy's parser read what is rendered; Grafana's own model holds every dashboard."""

from __future__ import annotations

import configparser
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard
from support.built import built
from support.rendered import lay_out
from support.stacks import REPOSITORY, RUNTIMES, everything, plan
from support.tools import call, tool

from components.spec import ServiceSpec
from host.packages import gobuild, golang

SHIPPERS = ["promtail", "alloy"]


def service(name: str, runtime: str, directory: Path, settings: dict[str, Any] | None = None) -> ServiceSpec:
    stack = {**everything(runtime), "data": str(directory / "stack")}
    stack["services"][name] = settings or {}
    return plan(stack).service(name)


def said(*argv: str | Path) -> str:
    done = call(*argv)
    return "" if done.returncode == 0 else done.stdout + done.stderr


# Loki ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", [{}, {"retention": "30d", "rate": "1MiB", "memory": "128MiB"}])
@pytest.mark.parametrize("runtime", ["docker", "supervisord"])
def test_loki_accepts_its_configuration(runtime: str, settings: dict[str, Any], tmp_path: Path) -> None:
    path = lay_out(service("loki", runtime, tmp_path, settings), tmp_path)["loki.yaml"]
    assert said(built("loki"), f"-config.file={path}", "-verify-config") == ""


def test_loki_would_notice_a_mistake(tmp_path: Path) -> None:
    path = lay_out(service("loki", "supervisord", tmp_path), tmp_path)["loki.yaml"]
    path.write_text(path.read_text().replace("retention_period", "retention_perod"))
    assert "retention_perod" in said(built("loki"), f"-config.file={path}", "-verify-config")


def test_loki_deletes_what_is_older_than_its_retention(tmp_path: Path) -> None:
    path = lay_out(service("loki", "supervisord", tmp_path, {"retention": "3d"}), tmp_path)["loki.yaml"]
    found = yaml.safe_load(path.read_text())
    assert found["compactor"]["retention_enabled"] is True
    assert found["limits_config"]["retention_period"] == f"{3 * 86400}s"


# Shippers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_promtail_accepts_its_configuration(runtime: str, tmp_path: Path) -> None:
    path = lay_out(service("promtail", runtime, tmp_path), tmp_path)["promtail.yaml"]
    assert said(built("promtail"), f"-config.file={path}", "-check-syntax") == ""


def test_promtail_would_notice_a_mistake(tmp_path: Path) -> None:
    path = lay_out(service("promtail", "docker", tmp_path), tmp_path)["promtail.yaml"]
    path.write_text(path.read_text().replace("pipeline_stages", "pipeline_steps"))
    assert "pipeline_steps" in said(built("promtail"), f"-config.file={path}", "-check-syntax")


def first_shipped(spec: ServiceSpec, directory: Path, log: Path, pattern: str) -> str:
    """What Promtail would send first of ``log``, which takes the place of ``pattern``."""
    path = lay_out(spec, directory)["promtail.yaml"]
    path.write_text(path.read_text().replace(pattern, str(log)))
    with subprocess.Popen(
        [built("promtail"), f"-config.file={path}", "-dry-run", "-server.disable"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        limit = threading.Timer(30, process.kill)
        limit.start()
        try:
            # Before it come the settings of its client.
            return next((line for line in process.stdout if "{service=" in line), "nothing within 30 s")
        finally:
            limit.cancel()
            process.kill()


def test_promtail_tells_the_service_by_the_path_of_its_log(tmp_path: Path) -> None:
    spec = service("promtail", "supervisord", tmp_path)
    log = tmp_path / "stack" / "redis" / "log" / "redis.log"
    log.parent.mkdir(parents=True)
    log.write_text("a line of its own\n")
    line = first_shipped(spec, tmp_path, log, "nothing to replace")
    assert '{service="redis"}' in line
    assert "a line of its own" in line


def test_promtail_ships_lines_of_the_stack_s_containers_alone(tmp_path: Path) -> None:
    spec = service("promtail", "docker", tmp_path)
    rows = [
        {"log": f"from {stack}\n", "stream": "stdout", "attrs": attrs, "time": "2026-01-02T03:04:05.6Z"}
        for stack, attrs in (
            ("nobody", {}),
            ("other", {"hearth.stack": "other", "hearth.service": "nginx"}),
            ("test", {"hearth.stack": "test", "hearth.service": "nginx"}),
        )
    ]
    log = tmp_path / "abc" / "abc-json.log"
    log.parent.mkdir()
    log.write_text("".join(json.dumps(row) + "\n" for row in rows))
    line = first_shipped(spec, tmp_path, log, "/host/containers/*/*-json.log")
    assert line.startswith("2026-01-02T03:04:05.6")
    assert '{service="nginx"}' in line
    assert "from test" in line


@pytest.fixture(scope="session")
def alloy_parser(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program of a few lines around Alloy's own parser; Alloy itself cannot be had everywhere."""
    target = tmp_path_factory.mktemp("alloy") / "parse"
    argv = [golang.go(gobuild.cache() / "go"), "build", "-o", str(target), "."]
    environment = {**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly", "GOWORK": "off"}
    done = call(*argv, cwd=REPOSITORY / "tests" / "alloy", env=environment)
    assert done.returncode == 0, done.stderr
    return target


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_alloy_s_parser_reads_its_configuration(runtime: str, alloy_parser: Path, tmp_path: Path) -> None:
    path = lay_out(service("alloy", runtime, tmp_path), tmp_path)["config.alloy"]
    assert said(alloy_parser, path) == ""
    path.write_text(path.read_text().replace("}", "", 1))
    assert said(alloy_parser, path) != ""


@pytest.mark.parametrize("name", SHIPPERS)
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_lines_are_found_where_the_runtime_puts_them(runtime: str, name: str, tmp_path: Path) -> None:
    spec = service(name, runtime, tmp_path)
    (text,) = [file.content for file in spec.files]
    ways = {
        "docker": "/host/containers/*/*-json.log",
        "swarm": "/host/containers/*/*-json.log",
        "systemd-user": "__journal_syslog_identifier",
        "systemd-system": "__journal__systemd_unit",
    }
    found = {way for way in {*ways.values(), f"{tmp_path}/stack/*/log/*.log"} if way in text}
    assert found == {ways.get(runtime, f"{tmp_path}/stack/*/log/*.log")}


# Grafana ------------------------------------------------------------------------------------------


def lost(given: Any, kept: Any, at: str = "") -> Iterator[str]:
    """What of ``given`` is not in ``kept``."""
    if isinstance(given, dict):
        for key, value in given.items():
            if isinstance(kept, dict) and key in kept:
                yield from lost(value, kept[key], f"{at}.{key}")
            else:
                yield f"{at}.{key}"
    elif isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        for number, (one, other) in enumerate(zip(given, kept, strict=True)):
            yield from lost(one, other, f"{at}[{number}]")
    elif given != kept:
        yield f"{at}: {given!r} is {kept!r}"


def dashboards(directory: Path) -> dict[str, dict[str, Any]]:
    spec = service("grafana", "supervisord", directory)
    return {
        file.path.rpartition("/")[2]: json.loads(file.content)
        for file in spec.files
        if file.path.endswith(".json")
    }


def modelled(dashboard: dict[str, Any]) -> Any:
    """The dashboard as Grafana's model, made from its own schemas, understands it."""
    register_default_plugins()
    return json.loads(json.dumps(Dashboard.from_json(dashboard), cls=JSONEncoder))


def test_every_dashboard_is_one_of_grafana_s(tmp_path: Path) -> None:
    found = dashboards(tmp_path)
    assert {name.removesuffix(".json") for name in found} >= {
        "health", "latency", "host", "processes", "data", "queues", "backups", "logs",
    }  # fmt: skip
    for name, dashboard in found.items():
        assert list(lost(dashboard, modelled(dashboard))) == [], name


def test_a_mistake_in_a_dashboard_would_be_noticed(tmp_path: Path) -> None:
    dashboard = dashboards(tmp_path)["host.json"]
    dashboard["panels"][0]["fieldConfig"]["defaults"]["units"] = "percent"
    assert list(lost(dashboard, modelled(dashboard))) == [".panels[0].fieldConfig.defaults.units"]


def test_panels_do_not_lie_on_each_other(tmp_path: Path) -> None:
    for name, dashboard in dashboards(tmp_path).items():
        taken: set[tuple[int, int]] = set()
        for panel in dashboard["panels"]:
            place = panel["gridPos"]
            cells = {
                (x, y)
                for x in range(place["x"], place["x"] + place["w"])
                for y in range(place["y"], place["y"] + place["h"])
            }
            assert not cells & taken, (name, panel["title"])
            assert max(x for x, _ in cells) < 24
            taken |= cells


def test_every_query_is_promql_or_logql(tmp_path: Path) -> None:
    """promtool reads each as a rule. Those of logs are asked of a Loki in the end-to-end tests."""
    queries = [
        target["expr"]
        for dashboard in dashboards(tmp_path).values()
        for panel in dashboard["panels"]
        for target in panel["targets"]
        if target["datasource"]["type"] == "prometheus"
    ]
    rules = [{"record": f"panel:{number}", "expr": query} for number, query in enumerate(queries)]
    path = tmp_path / "queries.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    assert len(queries) > 40
    assert said(tool("promtool"), "check", "rules", path) == ""
    path.write_text(
        yaml.safe_dump({"groups": [{"name": "p", "rules": [{"record": "a:b", "expr": "rate(x)"}]}]})
    )
    assert said(tool("promtool"), "check", "rules", path) != ""


@pytest.mark.parametrize("runtime", ["docker", "supervisord"])
def test_every_panel_asks_a_data_source_that_is_provisioned(runtime: str, tmp_path: Path) -> None:
    spec = service("grafana", runtime, tmp_path)
    files = {file.path.rpartition("/")[2]: file.content for file in spec.files}
    sources = yaml.safe_load(files["datasources.yml"])["datasources"]
    assert [source["isDefault"] for source in sources] == [True, False, False]
    known = {(source["type"], source["uid"]) for source in sources}
    host = "127.0.0.1" if runtime == "supervisord" else "prometheus"
    assert f"http://{host}:9090" in {source["url"] for source in sources}
    for dashboard in dashboards(tmp_path).values():
        for panel in dashboard["panels"]:
            assert (panel["datasource"]["type"], panel["datasource"]["uid"]) in known


def test_grafana_tells_nobody_anything_and_lets_nobody_in_without_a_password(tmp_path: Path) -> None:
    files = {f.path.rpartition("/")[2]: f.content for f in service("grafana", "docker", tmp_path).files}
    # In its own values a percent sign starts a reference, so it is read without Python's.
    ini = configparser.RawConfigParser()
    ini.read_string(files["grafana.ini"])
    assert ini["analytics"]["enabled"] == ini["analytics"]["reporting_enabled"] == "false"
    assert ini["auth.anonymous"]["enabled"] == ini["users"]["allow_sign_up"] == "false"
    assert ini["security"]["admin_password"] == "$__file{/run/hearth-secrets/admin-password}"


def test_grafana_s_start_finds_where_its_files_are(tmp_path: Path) -> None:
    script = lay_out(service("grafana", "supervisord", tmp_path), tmp_path)["start.sh"]
    assert said(tool("shellcheck"), script) == ""
    home = tmp_path / "packages" / "grafana-v12"
    (home / "bin").mkdir(parents=True)
    (home / "conf").mkdir()
    (home / "conf" / "defaults.ini").touch()
    program = home / "bin" / "grafana"
    program.write_text('#!/bin/sh\necho "$@"\n')
    program.chmod(0o755)
    links = tmp_path / "bin"
    links.mkdir()
    (links / "grafana").symlink_to(program)
    path = f"{links}:/usr/bin:/bin"
    shell = str(shutil.which("sh"))
    done = call(shell, script, env={"PATH": path})
    assert done.stdout.split()[:3] == ["server", "--homepath", f"{home}/bin/.."]
    (home / "conf" / "defaults.ini").unlink()
    done = call(shell, script, env={"PATH": path})
    assert done.returncode == 1
    assert "conf/defaults.ini" in done.stderr
