"""What holds for every service of the catalogue on every runtime."""

from __future__ import annotations

import plistlib
import re
from collections.abc import Iterable
from functools import cache
from typing import Any

import pytest
from support.mocks import Recorder, Registration
from support.stacks import RUNTIMES, STACK, everything, facts, kinds, plan, record, values

from components.catalog import entries
from components.config import CONTAINERS
from components.spec import ServiceSpec
from toolchain.host.docker.inputs import complete, problems
from toolchain.host.docker.schema_swarm import SECRET, SERVICE
from toolchain.host.docker.service_config import arguments

KINDS = sorted(entries())
# No formula of Homebrew's is known to bring them: on a Mac their programs must be there already.
NO_FORMULA = {
    "alertmanager", "blackbox-exporter", "cadvisor", "neo4j", "postgres-exporter", "process-exporter",
    "qdrant", "redis-exporter",
}  # fmt: skip
# What of the host a container may see. Everybody else sees nothing of it.
HOST_MOUNTS = {
    "alloy": {"/var/lib/docker/containers"},
    "cadvisor": {"/sys", "/var/lib/docker", "/var/run/docker.sock"},
    "node-exporter": {f"/var/lib/hearth/{STACK}/backup/metrics"},
    "process-exporter": {"/proc"},
    "promtail": {"/var/lib/docker/containers"},
    "vector": {"/var/lib/docker/containers"},
}
COMMAND = "command:local:Command"

every_runtime = pytest.mark.parametrize("runtime", RUNTIMES)
every_service = pytest.mark.parametrize("service", KINDS)
every_process = pytest.mark.parametrize("service", kinds("supervisord"))


def on(runtimes: Iterable[str]) -> pytest.MarkDecorator:
    """Every service on each of the runtimes that can run it."""
    return pytest.mark.parametrize(
        ("service", "runtime"), [(service, runtime) for runtime in runtimes for service in kinds(runtime)]
    )


@cache
def recorded(runtime: str) -> Recorder:
    return record(everything(runtime))


@cache
def planned(runtime: str) -> dict[str, ServiceSpec]:
    return {spec.name: spec for spec in plan(everything(runtime)).services}


def component(runtime: str, service: str) -> Registration:
    return recorded(runtime).named(service, f"hearth:service:{entries()[service].class_name}")


def walled_off(spec: ServiceSpec) -> bool:
    """It has no data, and is on no network with a database, with the front door or with the world."""
    return not spec.volumes and not {"backend", "data", "egress", "frontend"} & set(spec.networks)


def gate_name(service: str, runtime: str) -> str:
    """Of the resource that exists once the service answers."""
    return f"{service}-ready" if runtime in CONTAINERS else service


@on(RUNTIMES)
def test_is_one_component_inside_the_platform(service: str, runtime: str) -> None:
    (platform,) = recorded(runtime).of_type("hearth:platform:Platform")
    assert component(runtime, service).parent == platform.urn


@on(RUNTIMES)
def test_makes_its_resources_inside_its_component(service: str, runtime: str) -> None:
    names = [found.name for found in recorded(runtime).below(component(runtime, service))]
    assert gate_name(service, runtime) in names
    assert all(name == service or name.startswith(f"{service}-") for name in names)


@every_runtime
def test_no_resource_is_without_a_parent(runtime: str) -> None:
    found = recorded(runtime)
    (platform,) = found.of_type("hearth:platform:Platform")
    for resource in found:
        assert resource is platform or platform.urn in found.ancestors(resource), resource.urn


@on(RUNTIMES)
def test_what_a_backup_captures_can_be_brought_back(service: str, runtime: str) -> None:
    spec = planned(runtime)[service]
    if spec.backup is None:
        return
    assert len(spec.volumes) == 1, "one data directory is set aside"
    assert spec.backup.captures or spec.backup.files
    names = [capture.name for capture in spec.backup.captures]
    assert len(set(names)) == len(names)
    for capture in spec.backup.captures:
        assert bool(capture.load) is not bool(capture.place)
        assert capture.save and capture.tally
        assert ("{item}" in capture.name) is bool(capture.each)
        assert not capture.place or spec.backup.replaces, "placed into an empty directory"
        words = " ".join((*capture.save, *capture.each, *capture.tally, *capture.load))
        assert "@@" not in words, "a secret is read from its file"


@on(RUNTIMES)
def test_registers_where_it_answers(service: str, runtime: str) -> None:
    outputs = component(runtime, service).outputs
    if planned(runtime)[service].ports:
        assert re.fullmatch(r"[a-z0-9.-]+:\d+", outputs["endpoint"])
    assert outputs["ready"]


@every_runtime
def test_the_platform_registers_its_plan(runtime: str) -> None:
    (platform,) = recorded(runtime).of_type("hearth:platform:Platform")
    assert {row["service"] for row in platform.outputs["plan"]["services"]} == set(kinds(runtime))
    assert platform.outputs["data"]


@on(RUNTIMES)
def test_starts_when_what_it_needs_answers(service: str, runtime: str) -> None:
    found = recorded(runtime)
    for need in planned(runtime)[service].needs:
        gate = found.named(gate_name(need, runtime), COMMAND)
        reached = {
            urn for resource in found.below(component(runtime, service)) for urn in resource.dependencies
        }
        assert gate.urn in reached


@on(RUNTIMES)
def test_is_limited_checked_and_known_by_its_own_name(service: str, runtime: str) -> None:
    spec = planned(runtime)[service]
    assert spec.name == service
    assert spec.type == service
    assert spec.resources.memory >= 16 * 1024**2
    assert spec.resources.pids > 0
    # What listens nowhere may have nothing to be asked but whether its process runs.
    assert spec.health.argv or spec.health.http or not spec.ports
    assert bool(spec.ports) is (entries()[service].settings.model_fields["port"].default is not None)
    # Root's files of the host are for root alone, and whoever reads one is no other in its container.
    assert spec.security.uid > 0 or spec.security.host_mounts or walled_off(spec)
    assert spec.networks


@on(RUNTIMES)
def test_writes_no_secret_into_its_description(service: str, runtime: str) -> None:
    spec = planned(runtime)[service]
    places = {path for path in spec.process.argv if "secret" in path}
    assert places <= {file.path for file in spec.files}
    assert "@@" not in " ".join([*spec.process.argv, *spec.process.env.values(), *spec.health.argv])
    for file in spec.files:
        assert set(re.findall(r"@@([\w.-]+)@@", file.content)) == set(file.secrets), file.path


@on(RUNTIMES)
def test_keeps_configuration_secrets_and_data_apart(service: str, runtime: str) -> None:
    spec = planned(runtime)[service]
    secret = {file.path.rpartition("/")[0] for file in spec.files if file.secrets}
    public = {file.path.rpartition("/")[0] for file in spec.files if not file.secrets}
    data = {volume.path for volume in spec.volumes}
    assert not (secret & public) | (secret & data) | (public & data)


@every_process
def test_has_programs_for_hosts_without_containers(service: str) -> None:
    spec = planned("supervisord")[service]
    assert spec.package.programs
    assert spec.process.argv[0] in (*spec.package.programs, "sh")
    package = spec.package
    everywhere = (package.brew, package.venv, package.npm)
    assert any((package.apt, package.installer, package.go, package.cmake, package.pypi, *everywhere))
    assert any(everywhere) or service in NO_FORMULA


# Docker -------------------------------------------------------------------------------------------


def container(service: str) -> Registration:
    return recorded("docker").named(f"{service}-container", "docker:index/container:Container")


@every_service
def test_container_is_labelled(service: str) -> None:
    labels = {label["label"]: label["value"] for label in container(service).inputs["labels"]}
    assert labels["hearth.stack"] == STACK
    assert labels["hearth.service"] == service


@pytest.mark.parametrize("type_", ["docker:index/network:Network", "docker:index/volume:Volume"])
def test_networks_and_volumes_are_labelled(type_: str) -> None:
    for found in recorded("docker").of_type(type_):
        assert {"label": "hearth.stack", "value": STACK} in found.inputs["labels"], found.name


@every_service
def test_container_has_the_limits_of_the_plan_and_no_swap(service: str) -> None:
    inputs, spec = container(service).inputs, planned("docker")[service]
    assert inputs["memory"] == spec.resources.memory // 1024**2
    assert inputs["memorySwap"] == inputs["memory"]
    assert 0 < inputs["memoryReservation"] <= inputs["memory"]


def test_container_gets_the_cores_that_it_is_given() -> None:
    stack = everything("docker")
    stack["services"]["redis"] = {"cpus": "1500m"}
    found = record(stack).named("redis-container", "docker:index/container:Container")
    assert found.inputs["cpus"] == "1.5"


@every_service
def test_container_is_asked_whether_it_answers(service: str) -> None:
    health = container(service).inputs.get("healthcheck")
    if health is None:
        assert not planned("docker")[service].health.argv
        assert not planned("docker")[service].ports
        return
    assert health["tests"][0] in ("CMD", "CMD-SHELL")
    assert len(health["tests"]) > 1
    assert all(
        re.fullmatch(r"(\d+h)?(\d+m)?\d+s", health[key]) for key in ("interval", "timeout", "startPeriod")
    )
    assert health["retries"] > 0


@every_service
def test_container_can_do_as_little_as_possible(service: str) -> None:
    inputs, spec = container(service).inputs, planned("docker")[service]
    assert inputs["readOnly"] is spec.security.read_only_root
    assert spec.security.read_only_root or walled_off(spec)
    assert inputs["capabilities"]["drops"] == ["ALL"]
    assert inputs["capabilities"].get("adds", []) == [f"CAP_{name}" for name in spec.security.capabilities]
    assert inputs["securityOpts"] == ["no-new-privileges:true"]
    assert inputs["user"] == f"{spec.security.uid}:{spec.security.uid}"
    for key in ("privileged", "networkMode", "pidMode", "ipcMode", "devices", "usernsMode"):
        assert not inputs.get(key), key


@every_service
def test_container_writes_to_memory_or_to_its_volumes(service: str) -> None:
    inputs, spec = container(service).inputs, planned("docker")[service]
    assert set(inputs["tmpfs"]) == {"/run/hearth", *spec.security.scratch}
    assert all("size=" in options for options in inputs["tmpfs"].values())
    data = {volume.path for volume in spec.volumes}
    writable = {mount["containerPath"] for mount in inputs.get("volumes", []) if not mount.get("readOnly")}
    assert writable == data


@every_service
def test_container_sees_nothing_of_the_host_but_what_is_declared_and_known_here(service: str) -> None:
    mounts = [mount for mount in container(service).inputs.get("volumes", []) if mount.get("hostPath")]
    assert {mount["hostPath"] for mount in mounts} == HOST_MOUNTS.get(service, set())
    assert all(mount["readOnly"] and not mount.get("volumeName") for mount in mounts)
    declared = planned("docker")[service].security.host_mounts
    assert {(m["hostPath"], m["containerPath"]) for m in mounts} == {(d.source, d.path) for d in declared}


@on(name for name in RUNTIMES if name not in CONTAINERS)
def test_without_containers_nothing_is_mounted(service: str, runtime: str) -> None:
    assert planned(runtime)[service].security.host_mounts == ()


@every_service
def test_container_publishes_what_the_plan_publishes_and_no_more(service: str) -> None:
    ports = container(service).inputs.get("ports", [])
    wanted = [port for port in planned("docker")[service].ports if port.publish]
    assert [(port["external"], port["ip"]) for port in ports] == [
        (port.number, port.address) for port in wanted
    ]
    assert all(port["ip"] == "127.0.0.1" for port in ports)


def test_only_the_front_door_is_published_by_default() -> None:
    published = {kind for kind in KINDS if container(kind).inputs.get("ports")}
    reached = {kind for kind in KINDS if planned("docker")[kind].needs}
    assert published <= reached


@every_service
def test_container_comes_back_and_keeps_its_log_short(service: str) -> None:
    inputs = container(service).inputs
    assert inputs["restart"] == "unless-stopped"
    assert inputs["logDriver"] == "json-file"
    assert set(inputs["logOpts"]) == {"max-size", "max-file", "labels"}
    # Whoever ships it tells by them whose it is.
    assert inputs["logOpts"]["labels"] == "hearth.stack,hearth.service"
    assert inputs["stopTimeout"] == inputs["destroyGraceSeconds"] > 0


@every_service
def test_image_is_pinned_by_exact_version(service: str) -> None:
    image = recorded("docker").named(f"{service}-image", "docker:index/remoteImage:RemoteImage")
    tag = image.inputs["name"].partition("@")[0].rpartition(":")[2]
    assert re.search(r"\d+\.\d+(\.\d+)?|b\d{4,}", tag)
    assert "latest" not in tag
    assert container(service).inputs["image"] == f"sha256:{service}-image"


@every_service
def test_data_outlives_the_stack_and_cannot_be_replaced(service: str) -> None:
    for volume in planned("docker")[service].volumes:
        owner = volume.of or service
        found = recorded("docker").named(f"{owner}-{volume.name}", "docker:index/volume:Volume")
        assert found.retain_on_delete
        assert {"labels", "driver", "driverOpts"} <= set(found.ignore_changes)
        assert found.inputs["name"] == f"{STACK}-{owner}-{volume.name}"


@every_service
def test_container_is_replaced_where_the_provider_would_overlook_a_change(service: str) -> None:
    found = container(service)
    assert found.delete_before_replace
    assert {"healthcheck", "tmpfs"} <= set(found.replace_on_changes)


@every_service
def test_container_is_reached_by_its_name_on_its_own_networks_alone(service: str) -> None:
    joined = container(service).inputs["networksAdvanced"]
    assert {network["name"] for network in joined} == {
        f"{STACK}-{name}" for name in planned("docker")[service].networks
    }
    assert all(network["aliases"] == [service] for network in joined)


def test_networks_lead_outside_only_where_that_is_their_purpose() -> None:
    outside = {
        n.inputs["name"]
        for n in recorded("docker").of_type("docker:index/network:Network")
        if not n.inputs["internal"]
    }
    assert outside <= {f"{STACK}-frontend", f"{STACK}-egress"}


@every_service
def test_data_behind_a_password_is_on_internal_networks_alone(service: str) -> None:
    spec = planned("docker")[service]
    if spec.volumes and spec.secrets:
        assert not {"frontend", "egress"} & set(spec.networks)


# Swarm --------------------------------------------------------------------------------------------


def task(service: str) -> dict[str, Any]:
    return recorded("swarm").named(f"{service}-service", "docker:index/service:Service").inputs["taskSpec"]


def whole(value: Any) -> Any:
    """``value`` with the whole numbers that the plugin makes of what comes over the wire."""
    if isinstance(value, dict):
        return {key: whole(item) for key, item in value.items()}
    if isinstance(value, list):
        return [whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


@every_service
def test_the_stand_in_of_the_plugin_knows_all_that_a_task_is_told(service: str) -> None:
    for found in recorded("swarm").below(component("swarm", service)):
        fields = {"docker:index/service:Service": SERVICE, "docker:index/secret:Secret": SECRET}.get(
            found.type
        )
        assert fields is None or problems(whole(found.inputs), fields) == {}, found.name
    made = recorded("swarm").named(f"{service}-service", "docker:index/service:Service").inputs
    spec, asked = planned("swarm")[service], arguments(complete(whole(made), SERVICE))
    inside = asked["task_template"]["ContainerSpec"]
    assert asked["name"] == f"{STACK}-{service}"
    assert sorted(inside["Env"]) == sorted(f"{key}={value}" for key, value in spec.process.env.items())
    assert asked["task_template"]["Resources"]["Limits"]["MemoryBytes"] == spec.resources.memory


@every_service
def test_task_has_the_limits_of_the_plan(service: str) -> None:
    resources, spec = task(service)["resources"], planned("swarm")[service]
    assert resources["limits"]["memoryBytes"] == spec.resources.memory
    assert 0 < resources["reservation"]["memoryBytes"] <= spec.resources.memory


def test_task_gets_the_cores_that_it_is_given() -> None:
    stack = everything("swarm")
    stack["services"]["redis"] = {"cpus": "1500m"}
    found = record(stack).named("redis-service", "docker:index/service:Service")
    assert found.inputs["taskSpec"]["resources"]["limits"]["nanoCpus"] == 1_500_000_000


@every_service
def test_task_can_do_as_little_as_swarm_can_be_told(service: str) -> None:
    spec, inside = planned("swarm")[service], task(service)["containerSpec"]
    assert inside["readOnly"] is spec.security.read_only_root
    assert inside["capDrops"] == ["ALL"]
    assert inside.get("capAdds", []) == [f"CAP_{name}" for name in spec.security.capabilities]
    assert inside["user"] == f"{spec.security.uid}:{spec.security.uid}"
    assert not spec.health.argv or inside["healthcheck"]["tests"][0] in ("CMD", "CMD-SHELL")


@every_service
def test_secrets_of_a_task_are_swarms_and_its_own_to_read(service: str) -> None:
    spec, inside = planned("swarm")[service], task(service)["containerSpec"]
    files = {file.path for file in spec.files if file.secrets}
    uses = {use["fileName"]: use for use in inside.get("secrets", [])}
    assert set(uses) == files
    for path, use in uses.items():
        assert (use["fileMode"], use["fileUid"]) == (0o400, str(spec.security.uid))
        made = recorded("swarm").named(
            f"{service}-secret-{path.rpartition('/')[2]}", "docker:index/secret:Secret"
        )
        assert use["secretId"] == f"{made.name}-id"
        assert "name" not in made.inputs, "a new content needs a name that is free"
        assert "data" in made.secret_outputs
        assert "4dabf18193072939515e22adb298388d" in made.wire["data"]
    assert not [mount for mount in inside["mounts"] if mount["target"] == "/run/hearth-secrets"]


@every_service
def test_task_writes_to_memory_or_to_its_volumes(service: str) -> None:
    spec, found = planned("swarm")[service], task(service)["containerSpec"]["mounts"]
    assert {mount["type"] for mount in found} <= {"volume", "tmpfs", "bind"}
    bound = {mount["source"] for mount in found if mount["type"] == "bind"}
    assert bound == HOST_MOUNTS.get(service, set())
    assert all(mount["readOnly"] for mount in found if mount["type"] == "bind")
    writable = {mount["target"] for mount in found if mount["type"] == "volume" and not mount["readOnly"]}
    assert writable == {volume.path for volume in spec.volumes}
    memory = {mount["target"] for mount in found if mount["type"] == "tmpfs"} - {"/dev/shm"}
    assert memory == {"/run/hearth", *spec.security.scratch}
    assert all(mount["tmpfsOptions"]["sizeBytes"] for mount in found if mount["type"] == "tmpfs")


@every_service
def test_task_is_alone_and_the_old_one_stops_first(service: str) -> None:
    inputs = recorded("swarm").named(f"{service}-service", "docker:index/service:Service").inputs
    assert inputs["mode"] == {"replicated": {"replicas": 1}}
    assert inputs["updateConfig"] == {"order": "stop-first", "failureAction": "rollback"}
    assert inputs["taskSpec"]["restartPolicy"]["condition"] == "any"
    assert set(inputs["taskSpec"]["logDriver"]["options"]) == {"max-size", "max-file", "labels"}


@every_service
def test_task_is_reached_by_its_name_and_publishes_what_the_plan_publishes(service: str) -> None:
    spec = planned("swarm")[service]
    inputs = recorded("swarm").named(f"{service}-service", "docker:index/service:Service").inputs
    joined = inputs["taskSpec"]["networksAdvanceds"]
    assert [network["id"] for network in joined] == [f"network-{name}-id" for name in sorted(spec.networks)]
    assert all(network["aliases"] == [service] for network in joined)
    ports = inputs["endpointSpec"].get("ports", [])
    assert [port["publishedPort"] for port in ports] == [port.number for port in spec.ports if port.publish]
    assert {port["publishMode"] for port in ports} <= {"host"}


# Processes of the host ----------------------------------------------------------------------------


NATIVE = [name for name in RUNTIMES if name not in CONTAINERS]
LAUNCHD = [name for name in RUNTIMES if name.startswith("launchd")]
SYSTEMD = [name for name in RUNTIMES if name.startswith("systemd")]


def applied(runtime: str, service: str) -> dict[str, Any]:
    return recorded(runtime).named(service, COMMAND).document


def unit(runtime: str, service: str) -> dict[str, list[str]]:
    """Directive to its values, of the unit whose process it is."""
    found: dict[str, list[str]] = {}
    document = applied(runtime, service)
    jobs = [entry["content"] for entry in document["files"] if entry["path"].endswith(".job.service")]
    for line in (*jobs, document["unit"]["content"])[0].splitlines():
        key, separator, value = line.partition("=")
        if separator and not line.startswith(("#", ";")):
            found.setdefault(key, []).append(value)
    return found


def job(runtime: str, service: str) -> dict[str, Any]:
    """The property list of a service."""
    return plistlib.loads(applied(runtime, service)["unit"]["content"].encode())


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


# What runs at set times ---------------------------------------------------------------------------


SCHEDULED = [name for name in KINDS if planned("docker")[name].schedule]


@pytest.mark.parametrize("service", SCHEDULED)
@pytest.mark.parametrize("runtime", SYSTEMD)
def test_a_timer_starts_the_unit_of_a_job(service: str, runtime: str) -> None:
    document = applied(runtime, service)
    assert document["unit"]["path"].endswith(f"hearth-{STACK}-{service}.timer")
    assert f"\nUnit=hearth-{STACK}-{service}.job.service\n" in document["unit"]["content"]
    assert "\nOnCalendar=" in document["unit"]["content"]
    (argv,) = unit(runtime, service)["ExecStart"]
    assert f"/config/schedule.sh once /var/lib/hearth/{STACK}/{service}/data/last-run.json " in argv


@pytest.mark.parametrize("service", SCHEDULED)
def test_a_script_keeps_the_times_of_a_job_where_nobody_else_does(service: str) -> None:
    (argv,) = unit("supervisord", service)["command"]
    assert f"/config/schedule.sh keep /var/lib/hearth/{STACK}/{service}/data/last-run.json " in argv
    inputs = container(service).inputs
    assert inputs["entrypoints"] == ["/bin/sh"]
    assert inputs["command"][:3] == ["/etc/hearth/schedule.sh", "keep", "/var/lib/hearth/last-run.json"]


# Programs of the owner's --------------------------------------------------------------------------


COPIED = [name for name in KINDS if planned("docker")[name].source]


@pytest.mark.parametrize("service", COPIED)
@every_runtime
def test_a_directory_is_there_before_what_reads_it(service: str, runtime: str) -> None:
    found, source = recorded(runtime), planned(runtime)[service].source
    copied = found.named(f"{service}-source", COMMAND)
    assert copied.document["digest"] in source.path
    made = {"docker": f"{service}-container", "swarm": f"{service}-service"}
    readers = [made.get(runtime, service)]
    if runtime not in CONTAINERS:
        readers.append(f"{service}-package")
        assert found.named(f"{service}-package", COMMAND).document["programs"]
    for reader in found.below(component(runtime, service)):
        if reader.name in readers:
            assert copied.urn in reader.dependencies, reader.name


@pytest.mark.parametrize("service", COPIED)
def test_a_container_cannot_write_to_its_sources(service: str) -> None:
    source = planned("docker")[service].source
    (mount,) = [m for m in container(service).inputs["volumes"] if m["containerPath"] == source.path]
    assert mount["readOnly"] is True
