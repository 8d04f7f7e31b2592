"""What holds for every service as a task of a swarm."""

from __future__ import annotations

from typing import Any

from contract.recorded import (
    HOST_MOUNTS,
    component,
    every_service,
    planned,
    recorded,
)
from support.stacks import STACK, everything, record

from toolchain.host.docker.inputs import complete, problems
from toolchain.host.docker.schema_swarm import SECRET, SERVICE
from toolchain.host.docker.service_config import arguments


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
