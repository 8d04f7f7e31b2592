"""The platform as services of a swarm of one node: secrets are Swarm's own, limits are the kernel's."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import httpx
import pytest
from docker.models.containers import Container
from support.swarm import one_node

from tests.e2e import kernel
from tests.e2e.following import following, logs
from tests.e2e.leaks import leaks
from tests.e2e.story import eventually, settled, with_setting
from tests.e2e.workbench import Workbench

FRONT = 61280
MIB = 1024**2
STACK = "swarmed"
CONFIG: dict[str, Any] = {
    "runtime": "swarm",
    "host": {"reserve": "512MiB"},
    "services": {
        "redis": {"memory": "128MiB", "cpus": "500m"},
        "nginx": {"port": FRONT, "address": "0.0.0.0", "tls": "self-signed"},
    },
}
LABEL = {"label": f"hearth.stack={STACK}"}


@pytest.fixture(scope="module")
def client(containers: str) -> Iterator[docker.DockerClient]:
    """Of a daemon that manages a swarm."""
    CONFIG["images"] = dict.fromkeys(CONFIG["services"], containers)
    made = one_node()
    yield made
    for volume in made.volumes.list(filters=LABEL):
        volume.remove()


@pytest.fixture(scope="module")
def stack(client: docker.DockerClient, bench: Callable[..., Workbench]) -> Workbench:
    """The stack, up."""
    made = bench(STACK, CONFIG)
    CONFIG["data"] = str(made.root)
    made.up()
    return made


def _container(client: docker.DockerClient, service: str) -> Container:
    label = f"com.docker.swarm.service.name={STACK}-{service}"
    (found,) = client.containers.list(filters={"label": label}, ignore_removed=True)
    return found


def _redis(client: docker.DockerClient, password: str, *words: str) -> str:
    """Ask Redis by its name from another container on its network."""
    return client.containers.run(
        CONFIG["images"]["redis"], ["redis-cli", "-h", "redis", "--no-auth-warning", *words],
        environment={"REDISCLI_AUTH": password}, network=f"{STACK}-data", remove=True,
    ).decode().strip()  # fmt: skip


def test_nothing_is_left_to_do(stack: Workbench) -> None:
    settled(stack)


def test_redis_stores_and_finds(stack: Workbench, client: docker.DockerClient) -> None:
    assert _redis(client, stack.secret("redis"), "set", "hearth:probe", "kept") == "OK"
    assert _redis(client, stack.secret("redis"), "get", "hearth:probe") == "kept"
    assert "NOAUTH" in _redis(client, "wrong", "get", "hearth:probe")


def test_the_front_door_has_its_certificate(stack: Workbench) -> None:
    pem = stack.secret("nginx-tls")
    trusting = ssl.create_default_context(cadata=pem[pem.index("-----BEGIN CERTIFICATE") :])
    assert httpx.get(f"https://127.0.0.1:{FRONT}/healthz", verify=trusting).text == "ok\n"


def test_what_a_service_writes_is_shown_and_followed(
    stack: Workbench, client: docker.DockerClient, tmp_path: Path
) -> None:
    assert any("Ready to accept connections" in line for line in logs(stack, "redis"))
    assert {line.split(" | ")[0].strip() for line in logs(stack, "-n", "1")} <= {"nginx", "redis"}
    with following(stack, tmp_path / "seen", "redis", "--since", "90s") as seen:
        eventually(seen)
        _redis(client, stack.secret("redis"), "bgsave")
        eventually(lambda: any("Background saving terminated" in line for line in seen()))


def test_secrets_are_swarms_and_in_plain_text_nowhere(stack: Workbench, client: docker.DockerClient) -> None:
    names = {secret.name.rpartition("-")[0] for secret in client.secrets.list(filters=LABEL)}
    assert names == {"redis-secret-users.acl", "redis-secret-password", "nginx-secret-tls.pem"}
    assert leaks(stack, docker=True) == []
    described = json.dumps([service.attrs for service in client.services.list(filters=LABEL)])
    assert stack.secret("redis") not in described
    redis = _container(client, "redis")
    listed = redis.exec_run(["stat", "-c", "%a %u", "/run/hearth-secrets/users.acl"]).output
    assert listed == b"400 999\n"
    assert not [mount for mount in redis.attrs["Mounts"] if mount["Type"] == "bind"]


def test_limits_are_the_kernels(stack: Workbench, client: docker.DockerClient) -> None:
    for service, memory in (("redis", 128 * MIB), ("nginx", 64 * MIB)):
        pid = _container(client, service).attrs["State"]["Pid"]
        assert int(kernel.limit(pid, "memory", "memory.limit_in_bytes", "memory.max")) == memory
    pid = _container(client, "redis").attrs["State"]["Pid"]
    assert kernel.limit(pid, "cpu", "cpu.cfs_quota_us", "cpu.max").split()[0] == "50000"


def test_tasks_are_closed(stack: Workbench, client: docker.DockerClient) -> None:
    for service in CONFIG["services"]:
        container = _container(client, service)
        host = container.attrs["HostConfig"]
        assert host["ReadonlyRootfs"] and host["CapDrop"] == ["ALL"] and not host["CapAdd"]
        with open(f"/proc/{container.attrs['State']['Pid']}/status") as file:
            status = file.read()
        assert "\nUid:\t0" not in status and "\nCapBnd:\t0000000000000000\n" in status
        assert "\nSeccomp:\t2\n" in status
    assert client.networks.get(f"{STACK}-data").attrs["Internal"]


def test_a_changed_limit_starts_another_task_on_the_same_data(
    stack: Workbench, client: docker.DockerClient
) -> None:
    before = _container(client, "redis").id
    stack.configure(with_setting(CONFIG, "redis", memory="160MiB"))
    stack.up()
    # Until then Swarm may still put the old task back, and refuses the next change.
    assert client.services.get(f"{STACK}-redis").attrs["UpdateStatus"]["State"] == "completed"
    after = _container(client, "redis")
    assert after.id != before
    assert after.attrs["HostConfig"]["Memory"] == 160 * MIB
    assert _redis(client, stack.secret("redis"), "get", "hearth:probe") == "kept"
    stack.configure(CONFIG)
    stack.up()


def test_a_configuration_that_fails_is_rolled_back(stack: Workbench, client: docker.DockerClient) -> None:
    template = stack.directory / "templates" / "redis" / "redis.conf.j2"
    good = template.read_text()
    template.write_text(good + "no-such-directive yes\n")
    try:
        failed = stack.up(check=False)
        assert failed.status != 0
        assert "Swarm put the previous one back" in failed.text, failed.text
        password = stack.secret("redis")
        eventually(lambda: _redis(client, password, "get", "hearth:probe") == "kept", 60)
    finally:
        template.write_text(good)
    stack.up()
    stack.assert_nothing_to_do()


def test_a_killed_process_comes_back(stack: Workbench, client: docker.DockerClient) -> None:
    before = _container(client, "nginx")
    before.kill("SIGKILL")
    answers = f"https://127.0.0.1:{FRONT}/healthz"
    eventually(lambda: _container(client, "nginx").id != before.id)
    eventually(lambda: httpx.get(answers, verify=False).status_code == 200)


def test_a_service_that_was_removed_is_found_and_made_again(
    stack: Workbench, client: docker.DockerClient
) -> None:
    client.services.get(f"{STACK}-redis").remove()
    drift = [".venv/bin/python", "-m", "ops", "drift", "--stack", STACK]
    found = stack.run(*drift, check=False)
    assert found.status == 1 and f"service {STACK}-redis" in found.text
    stack.run(*drift, "--repair")
    assert _redis(client, stack.secret("redis"), "get", "hearth:probe") == "kept"


def test_destroy_keeps_data_alone(stack: Workbench, client: docker.DockerClient) -> None:
    stack.destroy()
    assert client.services.list(filters=LABEL) == []
    assert client.secrets.list(filters=LABEL) == []
    assert client.containers.list(all=True, filters=LABEL) == []
    assert client.networks.list(filters=LABEL) == []
    assert [volume.name for volume in client.volumes.list(filters=LABEL)] == [f"{STACK}-redis-data"]
