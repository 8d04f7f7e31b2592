"""What holds for every service as a container."""

from __future__ import annotations

import re

import pytest
from contract.recorded import (
    HOST_MOUNTS,
    KINDS,
    container,
    every_service,
    on,
    planned,
    recorded,
    walled_off,
)
from support.stacks import RUNTIMES, STACK, everything, record

from components.config import CONTAINERS


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
