"""The platform in containers for real: limits of the kernel, private networks, nothing published."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docker
import httpx
import psycopg
import pytest
import redis
from docker.models.containers import Container

from tests.e2e import kernel, probes
from tests.e2e.image import POSTGRES
from tests.e2e.leaks import leaks
from tests.e2e.story import eventually, settled, smoke, touched_by, with_setting
from tests.e2e.workbench import Workbench

FRONT = 65180
MIB = 1024**2
STACK = "contained"
CONFIG: dict[str, Any] = {
    "runtime": "docker",
    "host": {"reserve": "512MiB"},
    "services": {
        "ollama": {"memory": "2GiB"},
        "redis": {"memory": "128MiB", "cpus": "500m", "cpu-weight": 50},
        "postgres": {"memory": "256MiB", "version": POSTGRES},
        "nginx": {"port": FRONT},
    },
}


@pytest.fixture(scope="module")
def stack(bench: Callable[..., Workbench], containers: str) -> Workbench:
    """The stack, up."""
    CONFIG["images"] = dict.fromkeys(CONFIG["services"], containers)
    made = bench(STACK, CONFIG)
    CONFIG["data"] = str(made.root)
    made.up()
    return made


def _container(service: str) -> Container:
    return docker.from_env().containers.get(f"{STACK}-{service}")


def _address(service: str) -> str:
    networks = _container(service).attrs["NetworkSettings"]["Networks"]
    return next(iter(networks.values()))["IPAddress"]


def test_nothing_is_left_to_do(stack: Workbench) -> None:
    settled(stack)


def test_redis_stores_and_finds(stack: Workbench) -> None:
    client = redis.Redis(_address("redis"), password=stack.secret("redis"), decode_responses=True)
    client.set("hearth:probe", "kept")
    assert client.get("hearth:probe") == "kept"


def test_postgres_finds_the_nearest_vectors(stack: Workbench) -> None:
    assert probes.nearest(5432, stack.secret("postgres-app"), _address("postgres")) == [1, 2]


def test_a_prompt_is_answered_in_pieces_through_the_front_door(stack: Workbench) -> None:
    smoke(stack)
    assert len(probes.streamed_words(f"http://127.0.0.1:{FRONT}", probes.RANDOM_MODEL)) > 2


def _kernel(service: str, controller: str, v1: str, v2: str) -> str:
    return kernel.limit(_container(service).attrs["State"]["Pid"], controller, v1, v2)


def test_limits_are_the_kernels(stack: Workbench) -> None:
    limits = {
        service: int(_kernel(service, "memory", "memory.limit_in_bytes", "memory.max"))
        for service in CONFIG["services"]
    }
    assert limits == {
        "ollama": 2048 * MIB, "redis": 128 * MIB, "postgres": 256 * MIB, "nginx": 64 * MIB,
    }  # fmt: skip
    assert _kernel("redis", "cpu", "cpu.cfs_quota_us", "cpu.max").split()[0] == "50000"
    # Half of what others get; the second is what runc makes of 512 in the other hierarchy.
    assert _kernel("redis", "cpu", "cpu.shares", "cpu.weight") in ("512", "20")


def test_containers_are_closed(stack: Workbench) -> None:
    for service in CONFIG["services"]:
        host = _container(service).attrs["HostConfig"]
        assert host["ReadonlyRootfs"] and host["CapDrop"] == ["ALL"] and not host["CapAdd"]
        assert host["SecurityOpt"] == ["no-new-privileges:true"] and not host["Privileged"]
        status = Path(f"/proc/{_container(service).attrs['State']['Pid']}/status").read_text()
        assert "\nUid:\t0" not in status and "\nCapEff:\t0000000000000000\n" in status
        assert "\nSeccomp:\t2\n" in status, "the default seccomp profile applies"


def _reaches(address: str, port: int, *network: str) -> bool:
    """Whether a container, on ``network`` or the default one, gets a connection."""
    script = f"timeout 4 bash -c 'exec 3<>/dev/tcp/{address}/{port}'"
    command = ["docker", "run", "--rm", *network, CONFIG["images"]["redis"], "sh", "-c", script]
    return subprocess.run(command, capture_output=True).returncode == 0


def test_databases_are_reached_from_their_network_alone(stack: Workbench) -> None:
    for service, port in (("redis", 6379), ("postgres", 5432)):
        address = _address(service)
        assert _reaches(address, port, "--network", f"{STACK}-data")
        assert not _reaches(address, port)
        assert not _reaches(address, port, "--network", f"{STACK}-backend")


def test_internal_networks_lead_nowhere(stack: Workbench) -> None:
    inside = docker.from_env().networks.get(f"{STACK}-data")
    assert inside.attrs["Internal"]
    # A listener outside: another container on the default network.
    neighbour = docker.from_env().containers.run(
        CONFIG["images"]["redis"], ["redis-server", "--protected-mode", "no"], detach=True
    )
    try:
        neighbour.reload()
        address = neighbour.attrs["NetworkSettings"]["IPAddress"]
        eventually(lambda: _reaches(address, 6379))
        for name in ("data", "backend"):
            assert not _reaches(address, 6379, "--network", f"{STACK}-{name}")
    finally:
        neighbour.remove(force=True)


def test_only_the_front_door_is_published_and_on_loopback(stack: Workbench) -> None:
    published = {
        service: _container(service).attrs["HostConfig"]["PortBindings"] or {}
        for service in CONFIG["services"]
    }
    assert published.pop("nginx") == {f"{FRONT}/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(FRONT)}]}
    assert set(map(json.dumps, published.values())) == {"{}"}


def test_wrong_passwords_are_refused(stack: Workbench) -> None:
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(_address("redis"), password="wrong").get("x")
    with pytest.raises(redis.exceptions.ResponseError):
        redis.Redis(_address("redis"), username="health", password="health").get("x")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        probes.nearest(5432, "wrong", _address("postgres"))


def test_secrets_are_in_plain_text_nowhere(stack: Workbench) -> None:
    assert leaks(stack, docker=True) == []


def test_a_changed_limit_touches_one_service_and_no_data(stack: Workbench) -> None:
    before = _container("redis").id
    changed = with_setting(CONFIG, "ollama", memory="2100MiB")
    touched = touched_by(stack, changed)
    assert {name for name in touched if "ollama" not in name and not name.startswith("hearth-")} == set()
    stack.up()
    assert int(_kernel("ollama", "memory", "memory.limit_in_bytes", "memory.max")) == 2100 * MIB
    assert _container("redis").id == before
    stack.configure(CONFIG)
    stack.up()


def test_neighbours_are_found_again_after_they_are_replaced(stack: Workbench) -> None:
    changed = with_setting(CONFIG, "ollama", parallel=2)
    stack.configure(changed)
    stack.up()
    version = f"http://127.0.0.1:{FRONT}/ollama/api/version"
    eventually(lambda: httpx.get(version).status_code == 200)
    stack.configure(CONFIG)
    stack.up()


def test_a_killed_process_comes_back(stack: Workbench) -> None:
    client = redis.Redis(_address("redis"), password=stack.secret("redis"), decode_responses=True)
    time.sleep(1.1)  # what appendfsync everysec may lose
    subprocess.run(["kill", "-9", str(_container("redis").attrs["State"]["Pid"])], check=True)
    eventually(lambda: client.get("hearth:probe") == "kept")


def test_a_stopped_container_is_found_and_repaired(stack: Workbench) -> None:
    _container("redis").stop()
    stack.up("--refresh")
    assert _container("redis").status == "running"
    settled(stack)


def test_a_refused_configuration_leaves_the_old_container_serving(stack: Workbench) -> None:
    template = stack.directory / "templates" / "nginx" / "nginx.conf.j2"
    good, before = template.read_text(), _container("nginx").id
    template.write_text(good.replace("server_tokens off;", "no_such_directive on;"))
    try:
        for _ in range(2):
            failed = stack.up(check=False)
            assert failed.status != 0 and "no_such_directive" in failed.text
        assert _container("nginx").id == before
        assert httpx.get(f"http://127.0.0.1:{FRONT}/healthz").text == "ok\n"
    finally:
        template.write_text(good)
    stack.up()
    settled(stack)


def test_destroy_keeps_data_and_the_next_up_serves_it(stack: Workbench) -> None:
    password, app = stack.secret("redis"), stack.secret("postgres-app")
    stack.destroy()
    client = docker.from_env()
    labelled = {"label": f"hearth.stack={STACK}"}
    assert client.containers.list(all=True, filters=labelled) == []
    assert client.networks.list(filters=labelled) == []
    kept = {volume.name for volume in client.volumes.list(filters=labelled)}
    assert kept == {f"{STACK}-{service}-data" for service in ("ollama", "redis", "postgres")}
    stack.up()
    assert (
        redis.Redis(_address("redis"), password=password, decode_responses=True).get("hearth:probe") == "kept"
    )
    assert probes.nearest(5432, app, _address("postgres")) == [1, 2]
