"""Swarm's resource types of the stand-in, through a real engine and a real swarm of one node."""

import base64
import time
from typing import Any

import docker
import pytest
from support.swarm import one_node

from tests.toolchain.stacks import Stack
from toolchain.host.docker.client import Daemon
from toolchain.host.docker.service import Service

HEAD = "import pulumi\nimport pulumi_docker as docker\n"


@pytest.fixture(scope="module")
def swarm() -> docker.DockerClient:
    """A client of its daemon."""
    return one_node()


def program(name: str, image: str, text: str = "s3cr3t-text", memory: int = 32 << 20) -> str:
    """A service with a limit and a secret, on an overlay."""
    data = base64.b64encode(text.encode()).decode()
    return f"""{HEAD}
image = docker.RemoteImage("image", name={image!r}, keep_locally=True)
network = docker.Network("network", name={name!r}, driver="overlay", attachable=True, internal=True)
secret = docker.Secret("secret", data=pulumi.Output.secret({data!r}),
    labels=[docker.SecretLabelArgs(label="a", value="b")])
docker.Service("one", name={name!r}, labels=[docker.ServiceLabelArgs(label="a", value="b")],
    mode=docker.ServiceModeArgs(replicated=docker.ServiceModeReplicatedArgs(replicas=1)),
    update_config=docker.ServiceUpdateConfigArgs(order="stop-first", failure_action="rollback"),
    endpoint_spec=docker.ServiceEndpointSpecArgs(mode="dnsrr"),
    task_spec=docker.ServiceTaskSpecArgs(
        networks_advanceds=[docker.ServiceTaskSpecNetworksAdvancedArgs(id=network.id, aliases=["one"])],
        restart_policy=docker.ServiceTaskSpecRestartPolicyArgs(condition="any", delay="1s"),
        log_driver=docker.ServiceTaskSpecLogDriverArgs(name="json-file", options={{"max-size": "1m"}}),
        resources=docker.ServiceTaskSpecResourcesArgs(
            limits=docker.ServiceTaskSpecResourcesLimitsArgs(memory_bytes={memory}, nano_cpus=500000000),
            reservation=docker.ServiceTaskSpecResourcesReservationArgs(memory_bytes=16 << 20)),
        container_spec=docker.ServiceTaskSpecContainerSpecArgs(
            image=image.image_id, commands=["/bin/sh"], args=["-c", "exec sleep 600"], read_only=True,
            env={{"A": "1"}}, user="1000:1000", cap_drops=["ALL"], stop_signal="SIGKILL",
            stop_grace_period="1s",
            mounts=[docker.ServiceTaskSpecContainerSpecMountArgs(type="tmpfs", target="/tmp",
                tmpfs_options=docker.ServiceTaskSpecContainerSpecMountTmpfsOptionsArgs(mode=0o1777,
                    size_bytes=1 << 20))],
            secrets=[docker.ServiceTaskSpecContainerSpecSecretArgs(secret_id=secret.id,
                secret_name=secret.name, file_name="/run/place/key", file_uid="1000", file_mode=0o400)],
            healthcheck=docker.ServiceTaskSpecContainerSpecHealthcheckArgs(tests=["CMD", "cat",
                "/run/place/key"], interval="1s", timeout="5s", retries=3))))
"""


def running(client: docker.DockerClient, name: str, memory: int) -> docker.models.containers.Container:
    """The container of the task that has this limit."""
    deadline = time.monotonic() + 40
    while True:
        for container in client.containers.list(
            filters={"label": f"com.docker.swarm.service.name={name}"}, ignore_removed=True
        ):
            if container.attrs["HostConfig"]["Memory"] == memory and container.status == "running":
                return container
        assert time.monotonic() < deadline, [task["Status"] for task in client.api.tasks()]
        time.sleep(0.2)


def key_of_the_task(client: docker.DockerClient, name: str, memory: int) -> bytes | None:
    """The secret as the task's container has it; None where another task is just taking its place."""
    try:
        return running(client, name, memory).exec_run(["cat", "/run/place/key"]).output
    except docker.errors.APIError as error:
        # Docker counts a container that ends between two of its own steps among its own faults.
        if error.status_code not in (404, 409) and "is not running" not in str(error):
            raise
        return None


def test_the_whole_of_a_service(swarm: docker.DockerClient, stack: Stack, name: str, image: str) -> None:
    """Its task has the secret as a file; limits change in place; another secret is another one; all goes."""
    stack.up(program(name, image))
    task = running(swarm, name, 32 << 20)
    shown = task.exec_run(["/bin/sh", "-c", "cat /run/place/key"])
    assert shown.output == b"s3cr3t-text"
    host = task.attrs["HostConfig"]
    assert (host["NanoCpus"], host["ReadonlyRootfs"], host["CapDrop"]) == (500_000_000, True, ["ALL"])
    assert stack.changes() == {}, stack.pulumi("preview", "--diff")
    stack.refresh()
    assert stack.changes() == {}, stack.pulumi("preview", "--diff")
    assert "s3cr3t" not in stack.exported()
    assert base64.b64encode(b"s3cr3t-text").decode() not in stack.exported()

    stack.write(program(name, image, memory=48 << 20))
    assert stack.changes() == {"update": 1}
    stack.up()
    running(swarm, name, 48 << 20)

    stack.write(program(name, image, "another", memory=48 << 20))
    assert stack.changes() == {"replace": 1, "update": 1}
    stack.up()
    deadline = time.monotonic() + 40
    while key_of_the_task(swarm, name, 48 << 20) != b"another":
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert len(swarm.secrets.list(filters={"label": "a=b"})) == 1

    stack.pulumi("destroy", "--yes", "--skip-preview")
    assert swarm.services.list(filters={"name": name}) == []
    assert swarm.secrets.list(filters={"label": "a=b"}) == []
    assert swarm.networks.list(names=[name]) == []


def test_a_limit_changed_by_hand_and_a_service_that_is_gone_are_shown(
    swarm: docker.DockerClient, stack: Stack, name: str, image: str
) -> None:
    """By a refresh, and the next `up` puts them right."""
    stack.up(program(name, image))
    running(swarm, name, 32 << 20)
    service = swarm.services.get(name)
    template = service.attrs["Spec"]["TaskTemplate"]
    template["Resources"]["Limits"]["MemoryBytes"] = 64 << 20
    swarm.api.update_service(
        service.id, service.version, task_template=template, name=name, mode=service.attrs["Spec"]["Mode"]
    )
    stack.refresh()
    assert stack.changes() == {"update": 1}
    stack.up()
    assert (
        swarm.services.get(name).attrs["Spec"]["TaskTemplate"]["Resources"]["Limits"]["MemoryBytes"]
        == 32 << 20
    )
    service.remove()
    stack.refresh()
    assert stack.changes() == {"create": 1}
    stack.pulumi("destroy", "--yes", "--skip-preview")


def test_a_change_that_swarm_comes_between_is_asked_for_again(
    swarm: docker.DockerClient, monkeypatch: pytest.MonkeyPatch, name: str, image: str
) -> None:
    """Swarm writes how a change went into the service, which is then another version of it."""
    spec = {"containerSpec": {"image": image, "commands": ["/bin/sh"], "args": ["-c", "exec sleep 600"]}}
    inputs = {"name": name, "taskSpec": spec}
    daemon = Daemon()
    kind = Service(daemon)
    identity, outputs = kind.create("urn", inputs, preview=False)
    try:
        with daemon.api() as api:
            inspect, seen = api.inspect_service, []

        def overtaken(service: str) -> dict[str, Any]:
            found = inspect(service)
            seen.append(found["Version"]["Index"])
            if len(seen) <= 2:
                api.update_service(
                    service,
                    seen[-1],
                    task_template=found["Spec"]["TaskTemplate"],
                    name=name,
                    mode=found["Spec"]["Mode"],
                    labels={"looked": str(len(seen))},
                )
            return found

        monkeypatch.setattr(api, "inspect_service", overtaken)
        changed = {**inputs, "labels": [{"label": "a", "value": "c"}]}
        kind.update("urn", identity, changed, inputs, outputs, preview=False)
        assert len(seen) == 3
        assert swarm.services.get(name).attrs["Spec"]["Labels"] == {"a": "c"}
    finally:
        kind.delete("urn", identity, outputs)


def test_what_is_not_supported_is_refused_by_name(stack: Stack, name: str, image: str) -> None:
    """Nothing is left out in silence."""
    stack.write(program(name, image).replace("docker.Service(", "docker.Service(converge_config=docker."
                "ServiceConvergeConfigArgs(), resource_name=").replace("ServiceConvergeConfigArgs()",
                "ServiceConvergeConfigArgs(delay='1s')"))  # fmt: skip
    assert "`convergeConfig` is not supported by this stand-in plugin" in stack.pulumi("preview", ok=False)
