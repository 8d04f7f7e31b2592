"""promtool, amtool and the blackbox exporter read what is rendered; each rule on either side of its threshold."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.rendered import lay_out
from support.stacks import REPOSITORY, everything, plan, values
from support.tools import call, tool

from components.spec import ConfigFile, ServiceSpec

RUNTIMES = ["docker", "supervisord"]


def service(name: str, runtime: str, directory: Path, settings: dict[str, Any] | None = None) -> ServiceSpec:
    stack = {**everything(runtime), "data": str(directory / "stack"), "backup": {}}
    stack["services"]["postgres"] = {"point-in-time": {}}
    stack["services"]["redis"] = {"queues": [{"key": "jobs", "db": 2, "depth": 50}, {"key": "mails"}]}
    stack["services"][name] = settings or {}
    return plan(stack).service(name)


def complaint(program: str, *words: str | Path) -> str:
    done = call(tool(program), *words)
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_prometheus_accepts_its_configuration_and_rules(runtime: str, tmp_path: Path) -> None:
    files = lay_out(service("prometheus", runtime, tmp_path), tmp_path)
    assert complaint("promtool", "check", "config", files["prometheus.yml"]) == ""
    assert complaint("promtool", "check", "rules", files["rules.yml"]) == ""


def test_prometheus_accepts_a_stack_with_nothing_else_in_it(tmp_path: Path) -> None:
    spec = plan(values("supervisord", {"prometheus": {}}, data=str(tmp_path / "stack"))).service("prometheus")
    files = lay_out(spec, tmp_path)
    assert complaint("promtool", "check", "config", files["prometheus.yml"]) == ""


@pytest.mark.parametrize(
    "settings", [{}, {"webhook": "https://example.org/hook?a=b#c"}], ids=["shown", "sent"]
)
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_alertmanager_accepts_its_configuration(runtime: str, settings: dict, tmp_path: Path) -> None:
    files = lay_out(service("alertmanager", runtime, tmp_path, settings), tmp_path)
    assert complaint("amtool", "check-config", files["alertmanager.yml"]) == ""


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_blackbox_exporter_accepts_its_modules(runtime: str, tmp_path: Path) -> None:
    files = lay_out(service("blackbox-exporter", runtime, tmp_path), tmp_path)
    program = "prometheus-blackbox-exporter"
    assert complaint(program, "--config.check", f"--config.file={files['blackbox.yml']}") == ""


def edited(spec: ServiceSpec, old: str, new: str) -> ServiceSpec:
    """The service with a mistake in its files."""

    def edit(file: ConfigFile) -> ConfigFile:
        return replace(file, content=file.content.replace(old, new))

    return replace(spec, files=tuple(edit(file) for file in spec.files))


@pytest.mark.parametrize(
    ("name", "program", "words", "file", "old", "new"),
    [
        (
            "prometheus",
            "promtool",
            ("check", "config"),
            "prometheus.yml",
            "scrape_interval",
            "scrap_interval",
        ),
        ("prometheus", "promtool", ("check", "config"), "prometheus.yml", "quantile_over_time", "quantil"),
        (
            "alertmanager",
            "amtool",
            ("check-config",),
            "alertmanager.yml",
            "receiver: owner",
            "receiver: nobody",
        ),
    ],
)
def test_a_mistake_would_be_noticed(
    name: str, program: str, words: tuple[str, ...], file: str, old: str, new: str, tmp_path: Path
) -> None:
    spec = edited(service(name, "supervisord", tmp_path), old, new)
    assert complaint(program, *words, lay_out(spec, tmp_path)[file]) != ""


# The rules ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """Series, in promtool's notation, that lie just inside and just beyond a threshold."""

    alert: str
    at: str
    quiet: dict[str, str]
    loud: dict[str, str]
    times: int = 1
    """How many alerts there are beyond it."""
    interval: str = "1m"
    """Between two values, and two looks at the rules; long where days go by."""


def disk(used: str) -> dict[str, str]:
    labels = '{instance="h",service="host",device="/dev/a",fstype="ext4",mountpoint="%s"}'
    # Mounted twice, and counted once.
    return {
        f"node_filesystem_{kind}_bytes{labels % place}": value
        for place in ("/", "/var")
        for kind, value in (("avail", used), ("size", "1000x600"))
    }


def cpu(idle: float) -> dict[str, str]:
    # Seconds of two cores within a minute.
    series = 'node_cpu_seconds_total{instance="h",service="host",cpu="%d",mode="idle"}'
    return {series % core: f"0+{60 * idle}x600" for core in (0, 1)}


def memory(available: int) -> dict[str, str]:
    return {
        "node_memory_MemAvailable_bytes": f"{available}x600",
        "node_memory_MemTotal_bytes": "100x600",
    }


PROBE = '{job="probe/http",service="s",instance="i"}'


def one(name: str, text: str) -> dict[str, str]:
    return {f"{name}{PROBE}": text}


def answered(quick: int) -> dict[str, str]:
    """A request histogram of which ``quick`` of 100 requests are answered within 0.2 s."""
    name = 'prometheus_http_request_duration_seconds_bucket{job="prometheus",service="prometheus",le="%s"}'
    return {
        name % "0.2": f"0+{quick}x600",
        name % "1": "0+100x600",
        name % "+Inf": "0+100x600",
    }


def waiting(key: str, db: int, length: int) -> dict[str, str]:
    return {f'redis_key_size{{service="redis",db="db{db}",key="{key}"}}': f"{length}x60"}


def held(of_limit: int, stack: str = "test") -> dict[str, str]:
    """A container that holds so many of each hundred bytes that it may have, beside files that the kernel keeps."""
    labels = (
        f'{{container_label_hearth_stack="{stack}",container_label_hearth_service="shop",id="/docker/1"}}'
    )
    figures = {
        "container_memory_usage_bytes": of_limit + 9,
        "container_memory_total_active_file_bytes": 6,
        "container_memory_total_inactive_file_bytes": 3,
        "container_spec_memory_limit_bytes": 100,
    }
    return {f"{name}{labels}": f"{value}x60" for name, value in figures.items()}


def unlimited() -> dict[str, str]:
    return {name: "0x60" if "limit" in name else value for name, value in held(91).items()}


def routed(failed: int) -> dict[str, str]:
    """Requests of which ``failed`` of 100 are answered with 5xx."""
    name = 'nginx_requests_by_service_total{job="mtail",service="shop",status="%s"}'
    return {name % "2xx": f"0+{100 - failed}x60", name % "5xx": f"0+{failed}x60"}


def routed_quickly(quick: int) -> dict[str, str]:
    """Requests through nginx of which ``quick`` of 100 are answered within 0.2 s."""
    name = 'nginx_request_seconds_bucket{job="mtail",service="shop",le="%s"}'
    return {name % "0.2": f"0+{quick}x60", name % "0.3": "0+100x60", name % "+Inf": "0+100x60"}


def queued(clients: str) -> dict[str, str]:
    labels = '{service="pgbouncer",database="app",user="app"}'
    return {f"pgbouncer_pools_client_waiting_connections{labels}": clients}


def unarchived(failures: str) -> dict[str, str]:
    return {'pg_stat_archiver_failed_count{service="postgres"}': failures}


def deferred(values: str) -> dict[str, str]:
    return {'llamacpp:requests_deferred{service="llama-cpp"}': values}


def since(what: str, minutes: int) -> dict[str, str]:
    """The last success that many minutes after the start, as seen all along."""
    return {f'hearth_{what}_last_success_timestamp_seconds{{service="postgres"}}': f"{60 * minutes}x1200"}


CASES = [
    Case("HostCpuHigh", "30m", cpu(0.21), cpu(0.19)),
    Case("HostMemoryHigh", "30m", memory(16), memory(14)),
    Case("HostDiskFull", "30m", disk("101x600"), disk("99x600")),
    # At 0.4 bytes a minute there would be something left after a day, at one byte a minute nothing.
    Case("HostDiskFullWithinADay", "3h", disk("900-0.4x600"), disk("900-1x600")),
    Case("ServiceDown", "5m", one("probe_success", "1x10"), one("probe_success", "0x10")),
    Case("ServiceDown", "5m", one("up", "1x10"), one("up", "0x10")),
    Case(
        "ServiceDown",
        "5m",
        {'redis_up{job="redis-exporter",service="redis"}': "1x10"},
        {'redis_up{job="redis-exporter",service="redis"}': "0x10"},
    ),
    # Down for less than its patience, and for longer.
    Case("ServiceDown", "6m", one("probe_success", "1 1 1 1 1 1 0"), one("probe_success", "1 1 1 1 1 0 0 0")),
    Case(
        "ServiceRestarts",
        "10m",
        one("process_start_time_seconds", "1 2 3 4 4 4 4 4 4 4 4"),
        one("process_start_time_seconds", "1 2 3 4 5 5 5 5 5 5 5"),
    ),
    Case(
        "ServiceRestarts",
        "10m",
        one("probe_success", "1 0 1 0 1 0 1 1 1 1 1"),
        one("probe_success", "1 0 1 0 1 0 1 0 1 1 1"),
    ),
    Case(
        "ServiceSlow",
        "30m",
        one("probe_duration_seconds", "0.19x60"),
        one("probe_duration_seconds", "0.21x60"),
    ),
    Case("ServiceSlow", "30m", answered(96), answered(94)),
    Case("ServiceSlow", "30m", routed_quickly(96), routed_quickly(94)),
    Case("ServiceErrors", "10m", routed(5), routed(6)),
    Case("ContainerMemoryHigh", "10m", held(90), held(91)),
    Case("ContainerMemoryHigh", "10m", unlimited(), held(91)),
    # One daemon may run several stacks.
    Case("ContainerMemoryHigh", "10m", held(99, stack="other"), held(91)),
    # Failures of long ago, and of now.
    Case("ArchiveFails", "15m", unarchived("0 3x20"), unarchived("3x10 4 5 6 7 8 9 10")),
    # Waiting for less than five minutes, and for longer.
    Case("PoolShort", "10m", queued("1 1 1 1 1 0 1 1 1 1 1"), queued("1x10")),
    Case(
        "CertificateEnds",
        "0m",
        one("probe_ssl_earliest_cert_expiry", str(15 * 86400)),
        one("probe_ssl_earliest_cert_expiry", str(13 * 86400)),
    ),
    Case("QueueLong", "10m", waiting("jobs", 2, 50), waiting("jobs", 2, 51)),
    Case("QueueLong", "10m", waiting("mails", 0, 100), waiting("mails", 0, 101)),
    # Waiting for less than five minutes, and for longer.
    Case("ModelOverloaded", "10m", deferred("1 1 1 1 1 0 1 1 1 1 1"), deferred("1x10")),
    Case(
        "BackupFailed",
        "1m",
        {'hearth_backup_run_failed{run="copy"}': "0x5"},
        {'hearth_backup_run_failed{run="copy"}': "1x5"},
    ),
    Case("BackupTooOld", "27h", since("backup", 65), since("backup", 55), interval="10m"),
    # Where no backup was ever made, nobody said that there should be one.
    Case("BackupTooOld", "27h", {}, since("backup", 0), interval="10m"),
    Case("DrillTooOld", "193h", since("drill", 65), since("drill", 55), interval="10m"),
    # One failure in an hour is 1.6 %: more than an hour may have, and than three days may; not than six hours.
    # What was bad and is over burns nothing: the long window still sees it, the short one does not.
    Case(
        "AvailabilityBurns",
        "7h",
        one("probe_success", "0x4 1x420"),
        one("probe_success", "1x417 0 1 1"),
        times=2,
    ),
    # A quarter of all probes, for hours.
    Case(
        "AvailabilityBurns",
        "7h",
        one("probe_success", "1x420"),
        one("probe_success", " ".join("0111" for _ in range(105)).replace("", " ")),
        times=3,
    ),
]


def verdict(rules: Path, series: dict[str, str], alert: str, at: str, interval: str = "1m") -> str:
    """What promtool has to say when no such alert is expected."""
    test = {
        "rule_files": [str(rules)],
        "evaluation_interval": interval,
        "tests": [
            {
                "interval": interval,
                "input_series": [{"series": name, "values": text} for name, text in series.items()],
                "alert_rule_test": [{"alertname": alert, "eval_time": at, "exp_alerts": []}],
            }
        ],
    }
    path = rules.with_name("test.yml")
    path.write_text(yaml.safe_dump(test))
    return complaint("promtool", "test", "rules", path)


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The rules with their default thresholds."""
    directory = tmp_path_factory.mktemp("rules")
    return lay_out(service("prometheus", "supervisord", directory), directory)["rules.yml"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.alert)
def test_a_rule_is_quiet_inside_its_threshold_and_loud_beyond(case: Case, rules: Path) -> None:
    assert verdict(rules, case.quiet, case.alert, case.at, case.interval) == ""
    said = verdict(rules, case.loud, case.alert, case.at, case.interval)
    assert f"alertname: {case.alert}" in said
    assert said.count("Labels:{alertname=") == case.times, said


def test_every_alert_has_a_case(rules: Path) -> None:
    groups = yaml.safe_load(rules.read_text())["groups"]
    alerts = {rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule}
    assert alerts == {case.alert for case in CASES}


def test_a_runbook_that_an_alert_names_is_there(rules: Path) -> None:
    found = [rule["annotations"] for group in yaml.safe_load(rules.read_text())["groups"] for rule in group["rules"]
             if "alert" in rule]  # fmt: skip
    named = {one["runbook"] for one in found if "runbook" in one}
    assert len(named) >= 4
    assert all((REPOSITORY / page).is_file() for page in named)


def test_thresholds_are_those_of_the_stack_file(tmp_path: Path) -> None:
    spec = service("prometheus", "supervisord", tmp_path, {"memory-percent": 50, "latency-ms": 1000})
    rules = lay_out(spec, tmp_path)["rules.yml"]
    assert verdict(rules, memory(51), "HostMemoryHigh", "30m") == ""
    assert "HostMemoryHigh" in verdict(rules, memory(49), "HostMemoryHigh", "30m")
    assert verdict(rules, one("probe_duration_seconds", "0.9x60"), "ServiceSlow", "30m") == ""
