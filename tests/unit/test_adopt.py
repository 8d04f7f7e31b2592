"""What exists, compared with what would be made, and a state with it."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from support.stacks import record, values

from ops.adopt import differences, state

STACK = {"redis": {"memory": "64MiB", "cpus": 0.5}, "nginx": {"port": 8080}}
IMAGE = {"Config": {"Env": ["PATH=/bin"], "Labels": {"maker": "somebody"}}}


def wanted(service: str) -> dict[str, Any]:
    """The inputs of a container, as its image is called in the tests."""
    found = record(values("docker", STACK)).named(f"{service}-container", "docker:index/container:Container")
    return dict(found.inputs)


def inspection(inputs: dict[str, Any]) -> dict[str, Any]:
    """What Docker says of a container that was made so."""
    check = inputs["healthcheck"]
    return {
        "Image": inputs["image"],
        "State": {"Running": True, "Status": "running"},
        "Config": {
            "Hostname": inputs["hostname"],
            "User": inputs["user"],
            "Entrypoint": inputs["entrypoints"],
            "Cmd": inputs["command"],
            "Env": [*inputs["envs"], "PATH=/bin"],
            "Labels": {e["label"]: e["value"] for e in inputs["labels"]} | {"maker": "somebody"},
            "StopSignal": inputs["stopSignal"],
            "StopTimeout": inputs["stopTimeout"],
            "Healthcheck": {
                "Test": check["tests"],
                "Interval": 5 * 10**9,
                "Timeout": 5 * 10**9,
                "StartPeriod": int(check["startPeriod"].removesuffix("s")) * 10**9,
                "Retries": int(check["retries"]),
            },
        },
        "HostConfig": {
            "ReadonlyRootfs": True,
            "Privileged": False,
            "CapDrop": ["ALL"],
            "CapAdd": None,
            "SecurityOpt": inputs["securityOpts"],
            "Tmpfs": inputs["tmpfs"],
            "Memory": int(inputs["memory"]) * 1024**2,
            "MemorySwap": int(inputs["memorySwap"]) * 1024**2,
            "MemoryReservation": int(inputs["memoryReservation"]) * 1024**2,
            "NanoCpus": int(float(inputs.get("cpus") or 0) * 10**9),
            "ShmSize": 64 * 1024**2,
            "RestartPolicy": {"Name": inputs["restart"]},
            "LogConfig": {"Type": inputs["logDriver"], "Config": inputs["logOpts"]},
            "PortBindings": {
                f"{int(port['internal'])}/tcp": [
                    {"HostIp": port["ip"], "HostPort": str(int(port["external"]))}
                ]
                for port in inputs["ports"]
            },
        },
        "Mounts": [
            {
                "Type": "volume" if "volumeName" in mount else "bind",
                "Name": mount.get("volumeName"),
                "Source": mount.get("hostPath"),
                "Destination": mount["containerPath"],
                "RW": not mount["readOnly"],
            }
            for mount in inputs["volumes"]
        ],
        "NetworkSettings": {
            "Networks": {
                network["name"]: {"Aliases": [*network["aliases"], "0123456789ab"]}
                for network in inputs["networksAdvanced"]
            }
        },
    }


@pytest.mark.parametrize("service", STACK)
def test_what_is_as_the_stack_file_says_does_not_differ(service: str) -> None:
    inputs = wanted(service)
    assert list(differences.container(inputs, inspection(inputs), IMAGE)) == []


@pytest.mark.parametrize(
    ("part", "key", "value", "said"),
    [
        ("HostConfig", "Memory", 32 * 1024**2, "memory (MiB) is 32, and would be 64"),
        ("HostConfig", "NanoCpus", 0, "cpus is 0.0, and would be 0.5"),
        ("HostConfig", "Privileged", True, "privileged is True, and would be False"),
        ("HostConfig", "ReadonlyRootfs", False, "read-only root is False, and would be True"),
        ("HostConfig", "CapDrop", None, "dropped capabilities is nothing, and would be ALL"),
        ("HostConfig", "DeviceRequests", [{}], "GPUs is True, and would be False"),
        ("Config", "User", "", "user is nothing, and would be 999:999"),
        ("Config", "Cmd", ["--other"], "command is --other, and would be /etc/hearth/redis.conf"),
        ("Config", "Env", ["PATH=/bin", "TOKEN=hidden"], "variable TOKEN would not be there"),
        ("Config", "Env", ["PATH=/sbin"], "variable PATH would not be there"),
        ("Config", "Labels", {}, "label hearth.service is nothing, and would be redis"),
    ],
)
def test_each_difference_is_named_and_no_value_of_a_variable(
    part: str, key: str, value: object, said: str
) -> None:
    inputs = wanted("redis")
    found = inspection(inputs)
    found[part][key] = value
    lines = list(differences.container(inputs, found, IMAGE))
    assert said in lines
    assert "hidden" not in "".join(lines)


def test_mounts_networks_and_what_does_not_run() -> None:
    inputs = wanted("redis")
    found = inspection(inputs)
    found["Mounts"].pop()
    found["NetworkSettings"]["Networks"] = {"bridge": {}}
    found["State"] = {"Running": False, "Status": "exited"}
    lines = "\n".join(differences.container(inputs, found, IMAGE))
    assert "it is exited, and only what runs is adopted; start it" in lines
    assert "networks is bridge, and would be " in lines
    assert "mounts is " in lines


def test_a_volume_without_labels_is_anybodys_and_anothers_is_not() -> None:
    inputs = {"labels": [{"label": "hearth.stack", "value": "test"}]}
    assert list(differences.volume(inputs, {"Labels": None})) == []
    (line,) = differences.volume(inputs, {"Labels": {"hearth.stack": "other"}})
    assert line == "label hearth.stack is other, and would be test"


# The state ----------------------------------------------------------------------------------------

URN = "urn:pulumi:test::hearth::{}"
ROOT, PART = URN.format("pulumi:pulumi:Stack::hearth-test"), URN.format("hearth:service:Redis::redis")
PROVIDER = URN.format("pulumi:providers:docker::default_5_2_0")
BOX = URN.format("docker:index/container:Container::redis-container")
FILES = URN.format("command:local:Command::redis-files")
PLANNED: list[dict[str, Any]] = [
    {"urn": ROOT, "custom": False, "type": "pulumi:pulumi:Stack", "stackTrace": [{}]},
    {"urn": PART, "custom": False, "type": "hearth:service:Redis", "parent": ROOT},
    {"urn": FILES, "custom": True, "type": "command:local:Command", "parent": PART, "inputs": {}},
    {
        "urn": BOX,
        "custom": True,
        "type": "docker:index/container:Container",
        "parent": PART,
        "inputs": {"name": "test-redis", "image": state.UNKNOWN},
        "provider": f"{PROVIDER}::{state.UNKNOWN}",
        "dependencies": [FILES],
    },
]
ADOPTED = {BOX: ("0123", {"name": "test-redis", "image": "sha256:1"})}


def test_what_is_adopted_comes_with_its_parents_and_its_provider() -> None:
    before = {"version": 3, "deployment": {"manifest": {}}}
    kept = copy.deepcopy(before)
    made = state.merged(before, PLANNED, ADOPTED, "id-1")["deployment"]["resources"]
    assert before == kept
    assert [one["urn"] for one in made] == [ROOT, PART, PROVIDER, BOX]
    assert made[2]["inputs"] == {"version": "5.2.0"}
    assert made[3]["id"] == "0123"
    assert made[3]["inputs"]["image"] == "sha256:1"
    assert made[3]["provider"] == f"{PROVIDER}::id-1"
    assert made[3]["dependencies"] == []
    assert made[3]["protect"] is True
    assert "stackTrace" not in made[0]


def test_a_state_that_has_some_of_it_keeps_that() -> None:
    there = [{"urn": ROOT, "type": "pulumi:pulumi:Stack"}, {"urn": PROVIDER, "id": "id-0"}]
    planned = [{**PLANNED[3], "provider": f"{PROVIDER}::id-0"}]
    before = {"deployment": {"resources": [*there, {"urn": PART}]}}
    made = state.merged(before, [PLANNED[1], *planned], ADOPTED, "id-1")["deployment"]["resources"]
    assert made[:3] == [*there, {"urn": PART}]
    assert made[3]["provider"] == f"{PROVIDER}::id-0"
    assert state.urns({"deployment": {"resources": made}}) == {ROOT, PART, PROVIDER, BOX}
