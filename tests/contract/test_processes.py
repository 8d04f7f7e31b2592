"""What holds for every service as a process of the host."""

from __future__ import annotations

import pytest
from contract.recorded import (
    COMMAND,
    LAUNCHD,
    NATIVE,
    SYSTEMD,
    applied,
    every_process,
    job,
    on,
    planned,
    recorded,
    unit,
)
from support.stacks import RUNTIMES, STACK, everything, facts, kinds, record, values


@on(NATIVE)
def test_process_document_is_whole(service: str, runtime: str) -> None:
    document, spec = applied(runtime, service), planned(runtime)[service]
    assert document["stack"] == STACK
    assert document["service"] == service
    assert document["memory"] == spec.resources.memory
    assert document["ports"] == [port.number for port in spec.ports]
    asked = document["health"].get("argv"), document["health"].get("http")
    assert any(asked) is bool((spec.health.argv or spec.health.http) and not spec.schedule)
    beside = {entry["path"] for entry in document["files"] if entry["mode"] == "0444"}
    assert bool(beside) is bool(spec.schedule and runtime in SYSTEMD)
    written = {entry["path"]: entry["mode"] for entry in document["files"]}
    assert written.keys() - beside == {f.path for f in spec.files if not f.secrets}
    assert {written[path] for path in written.keys() - beside} <= {"0440", "0550"}
    assert len(document["tasks"]) == len(spec.tasks)


@on(NATIVE)
def test_process_is_removed_with_its_resource(service: str, runtime: str) -> None:
    gate = recorded(runtime).named(service, COMMAND)
    assert f" host remove /var/lib/hearth/{STACK} " in gate.inputs["delete"]
    assert service in gate.inputs["delete"].split()


@on(NATIVE)
def test_process_starts_after_its_programs_and_secrets_are_there(service: str, runtime: str) -> None:
    found = recorded(runtime)
    gate = found.named(service, COMMAND)
    assert found.named(f"{service}-package", COMMAND).urn in gate.dependencies
    if planned(runtime)[service].secrets:
        assert found.named(f"{service}-secrets", COMMAND).urn in gate.dependencies


@on(NATIVE)
def test_process_stops_the_way_it_wants_to(service: str, runtime: str) -> None:
    process = planned(runtime)[service].process
    if runtime in LAUNCHD:
        values = job(runtime, service)
        assert values["ExitTimeOut"] == process.stop_seconds
        # launchd itself knows but one signal.
        script = " ".join(values["ProgramArguments"])
        assert process.stop_signal == "SIGTERM" or f"kill -{process.stop_signal[3:]} " in script
        return
    lines = unit(runtime, service)
    if runtime == "supervisord":
        assert lines["stopsignal"] == [process.stop_signal.removeprefix("SIG")]
        assert lines["stopwaitsecs"] == [str(process.stop_seconds)]
    else:
        assert lines["KillSignal"] == [process.stop_signal]
        assert lines["TimeoutStopSec"] == [str(process.stop_seconds)]


@on(SYSTEMD)
def test_unit_has_the_limits_of_the_plan(service: str, runtime: str) -> None:
    lines, resources = unit(runtime, service), planned(runtime)[service].resources
    assert lines["MemoryMax"] == [str(resources.memory)]
    assert lines["MemorySwapMax"] == ["0"]
    assert 0 < int(lines["MemoryLow"][0]) <= resources.memory
    assert lines["TasksMax"] == [str(resources.pids)]


@pytest.mark.parametrize("runtime", SYSTEMD)
def test_unit_gets_the_cores_that_it_is_given(runtime: str) -> None:
    stack = everything(runtime)
    stack["services"]["redis"] = {"cpus": "1500m"}
    assert "\nCPUQuota=150%\n" in record(stack).named("redis", COMMAND).document["unit"]["content"]


@on(SYSTEMD)
def test_unit_can_do_as_little_as_possible(service: str, runtime: str) -> None:
    lines = unit(runtime, service)
    assert lines["NoNewPrivileges"] == ["yes"]
    assert lines["RestrictSUIDSGID"] == ["yes"]
    assert lines["ProtectSystem"] == ["strict"]
    assert lines["BindPaths"][0] == f"/var/lib/hearth/{STACK}/{service}"
    assert lines["UMask"] == ["0077"]
    scheduled = planned(runtime)[service].schedule is not None
    assert lines["Type"] == ["oneshot" if scheduled else "exec"]
    assert lines.get("Restart") == (None if scheduled else ["always"])
    assert ("MemoryDenyWriteExecute" in lines) is not planned(runtime)[service].security.executable_memory


@every_process
def test_system_unit_runs_as_an_account_of_its_own_behind_a_wall(service: str) -> None:
    lines = unit("systemd-system", service)
    assert lines["User"] == [f"hearth-{service}"]
    assert lines["CapabilityBoundingSet"] == [""]
    spec = planned("systemd-system")[service]
    assert ("SupplementaryGroups" in lines) is spec.security.reads_logs
    assert lines["ProtectProc"] == ["default" if spec.security.sees_processes else "invisible"]
    outward = "egress" in planned("systemd-system")[service].networks
    assert ("IPAddressDeny" in lines) is not outward


WALLS = (
    "PrivateDevices", "PrivateTmp", "PrivateUsers", "ProtectClock", "ProtectControlGroups", "ProtectHome", "ProtectHostname",
    "ProtectKernelLogs", "ProtectKernelModules", "ProtectKernelTunables", "RestrictNamespaces",
)  # fmt: skip


@every_process
@pytest.mark.parametrize("wall", WALLS)
def test_system_unit_is_kept_from(service: str, wall: str) -> None:
    assert unit("systemd-system", service)[wall] == ["yes"]


@every_process
def test_user_unit_asks_for_nothing_that_needs_root(service: str) -> None:
    assert not {"User", "Group", "PrivateDevices", "IPAddressDeny", "CapabilityBoundingSet"} & set(
        unit("systemd-user", service)
    )
    assert applied("systemd-user", service)["account"] is None


@on(SYSTEMD)
def test_unit_starts_after_the_units_that_it_needs(service: str, runtime: str) -> None:
    lines = unit(runtime, service)
    for need in planned(runtime)[service].needs:
        assert f"hearth-{STACK}-{need}.service" in lines["After"][0].split()
        assert f"hearth-{STACK}-{need}.service" in lines["Wants"][0].split()


@every_process
def test_program_section_has_an_account_and_a_log_that_stays_short(service: str) -> None:
    lines = unit("supervisord", service)
    assert lines["user"] == [f"hearth-{service}"]
    assert lines["stdout_logfile"] == [f"/var/lib/hearth/{STACK}/{service}/log/{service}.log"]
    assert 0 < int(lines["stdout_logfile_maxbytes"][0]) <= 50 * 1024**2
    assert int(lines["stdout_logfile_backups"][0]) > 0
    assert lines["redirect_stderr"] == ["true"]
    assert lines["autorestart"] == ["true"]


@on(LAUNCHD)
def test_job_comes_back_and_knows_its_place(service: str, runtime: str) -> None:
    values, home = job(runtime, service), f"/var/lib/hearth/{STACK}/{service}"
    assert values["Label"] == f"dev.hearth.{STACK}.{service}"
    assert applied(runtime, service)["unit"]["path"].endswith(f"/{values['Label']}.plist")
    if planned(runtime)[service].schedule:
        assert values["StartCalendarInterval"]
        assert not {"KeepAlive", "RunAtLoad"} & set(values)
    else:
        assert values["KeepAlive"] is values["RunAtLoad"] is True
    assert values["WorkingDirectory"] == home
    assert values["StandardOutPath"] == values["StandardErrorPath"] == f"{home}/log/{service}.log"
    assert values["Umask"] == 0o077
    assert planned(runtime)[service].process.env.items() <= values["EnvironmentVariables"].items()


@every_process
def test_daemon_runs_as_the_account_made_for_it_and_agent_as_its_user(service: str) -> None:
    assert (
        job("launchd-system", service)["UserName"]
        == applied("launchd-system", service)["account"]
        == "_hearth"
    )
    assert "UserName" not in job("launchd-user", service)
    assert applied("launchd-user", service)["account"] is None


@pytest.mark.parametrize("runtime", LAUNCHD)
def test_the_watchdog_is_there_before_any_job_and_goes_after_it(runtime: str) -> None:
    found = recorded(runtime)
    watchdog = found.named("watchdog", COMMAND)
    assert " host watchdog start " in watchdog.inputs["create"]
    assert watchdog.inputs["delete"] == watchdog.inputs["create"].replace(" start ", " stop ")
    assert all(watchdog.urn in found.named(service, COMMAND).dependencies for service in kinds(runtime))


@every_process
def test_without_root_there_is_no_account_to_switch_to(service: str) -> None:
    found = record(everything("supervisord"), facts(accounts=False, superuser=False)).named(service, COMMAND)
    assert found.document["account"] is None
    assert "\nuser=" not in found.document["unit"]["content"]


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_account_and_container_names_fit_the_longest_service_name(runtime: str) -> None:
    name = "x" * 25
    stack = values(runtime, {name: {"type": "redis"}})
    found = record(stack)
    if runtime in ("supervisord", "systemd-system"):
        # useradd(8): a name is at most 32 characters long.
        assert len(found.named(name, COMMAND).document["account"]) <= 32
    assert found.named(name, "hearth:service:Redis")
