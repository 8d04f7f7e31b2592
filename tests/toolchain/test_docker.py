"""The Docker resource types of the stand-in, through a real engine and a real daemon."""

import json
import subprocess
import time

from tests.toolchain.stacks import Stack

HEAD = "import pulumi\nimport pulumi_docker as docker\n"
SERVE = '["/bin/sh", "-c", "echo up > /tmp/ready; exec sleep 600"]'
HEALTHY = """docker.ContainerHealthcheckArgs(
    tests=["CMD-SHELL", "cat /tmp/ready"], interval="200ms", timeout="5s", retries=2)"""


def container(name: str, image: str, arguments: str = "", command: str = SERVE) -> str:
    """A program with one container."""
    return f"{HEAD}docker.Container('one', name={name!r}, image={image!r}, command={command}, {arguments})\n"


def inspect(name: str) -> dict:
    """What Docker says of a container."""
    return json.loads(subprocess.run(["docker", "inspect", name], capture_output=True, check=True).stdout)[0]


def test_the_whole_of_a_service(stack: Stack, name: str, image: str) -> None:
    """Image, network, volume and a hardened container that is waited for; then nothing more to do."""
    stack.up(f"""{HEAD}
image = docker.RemoteImage("image", name={image!r}, keep_locally=True)
network = docker.Network("network", name={name!r}, internal=True,
    labels=[docker.NetworkLabelArgs(label="a", value="b")])
volume = docker.Volume("volume", name={name!r})
docker.Container("one", name={name!r}, image=image.image_id, command={SERVE},
    memory=32, memory_swap=32, memory_reservation=16, cpus="0.5", cpu_shares=512, shm_size=8, read_only=True,
    tmpfs={{"/tmp": "rw,size=1m"}}, user="1000:1000", init=True, restart="on-failure", max_retry_count=2,
    capabilities=docker.ContainerCapabilitiesArgs(drops=["ALL"]), security_opts=["no-new-privileges:true"],
    envs=["B=2", pulumi.Output.secret("A=s3cr3t")], hosts=[docker.ContainerHostArgs(host="h",
    ip="10.0.0.1")], volumes=[docker.ContainerVolumeArgs(volume_name=volume.name, container_path="/data")],
    mounts=[docker.ContainerMountArgs(type="bind", source="/etc", target="/host", read_only=True)],
    networks_advanced=[docker.ContainerNetworksAdvancedArgs(name=network.name, aliases=["alias"])],
    healthcheck={HEALTHY}, wait=True, wait_timeout=20, log_driver="json-file", log_opts={{"max-size": "1m"}},
    labels=[docker.ContainerLabelArgs(label="z", value="1"), docker.ContainerLabelArgs(label="c",
    value="2")], ulimits=[docker.ContainerUlimitArgs(name="nofile", soft=64, hard=128)],
    destroy_grace_seconds=1)
""")
    live = inspect(name)
    assert live["State"]["Health"]["Status"] == "healthy"
    host = live["HostConfig"]
    assert (host["Memory"], host["MemoryReservation"], host["NanoCpus"]) == (32 << 20, 16 << 20, 500_000_000)
    assert host["CpuShares"] == 512
    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"]
    assert host["Init"]
    assert host["RestartPolicy"] == {"Name": "on-failure", "MaximumRetryCount": 2}
    assert list(live["NetworkSettings"]["Networks"]) == [name]
    assert "alias" in live["NetworkSettings"]["Networks"][name]["Aliases"]
    assert sorted(live["Config"]["Env"])[:2] == ["A=s3cr3t", "B=2"]
    assert stack.changes() == {}
    stack.refresh()
    assert stack.changes() == {}
    assert "s3cr3t" not in stack.exported()
    stack.pulumi("destroy", "--yes", "--skip-preview")
    for kind in ("container", "network", "volume"):
        gone = subprocess.run(["docker", kind, "inspect", name], capture_output=True, check=False)
        assert gone.returncode != 0
    subprocess.run(["docker", "image", "inspect", image], capture_output=True, check=True)


def test_gpus_are_asked_of_the_daemon_and_read_back(stack: Stack, name: str, image: str) -> None:
    """The container is not started: that takes a GPU, and NVIDIA's runtime."""
    stack.up(container(name, image, "gpus='all', start=False, must_run=False"))
    (asked,) = inspect(name)["HostConfig"]["DeviceRequests"]
    assert (asked["Count"], asked["Capabilities"]) == (-1, [["gpu"]])
    stack.refresh()
    assert stack.changes() == {}
    assert stack.resource("one")["outputs"]["gpus"] == "all"
    stack.write(container(name, image, "start=False, must_run=False"))
    assert stack.changes() == {"replace": 1}


def test_limits_change_in_place(stack: Stack, name: str, image: str) -> None:
    """The container stays the same one."""
    stack.up(container(name, image, "memory=32, memory_swap=32, restart='no'"))
    before = inspect(name)["Id"]
    stack.write(container(name, image, "memory=48, memory_swap=48, restart='always'"))
    assert stack.changes() == {"update": 1}
    stack.up()
    after = inspect(name)
    assert (after["Id"], after["HostConfig"]["Memory"]) == (before, 48 << 20)
    assert after["HostConfig"]["RestartPolicy"]["Name"] == "always"
    assert stack.changes() == {}


def test_other_changes_replace_and_the_old_one_goes_first(stack: Stack, name: str, image: str) -> None:
    """With the same name, which Docker allows once only."""
    stack.up(container(name, image, "envs=['A=1', 'B=2']"))
    before = inspect(name)["Id"]
    stack.write(container(name, image, "envs=['B=2', 'A=1']"))
    assert stack.changes() == {}, "the order of a set is no difference"
    stack.write(container(name, image, "envs=['A=1', 'B=3']"))
    assert stack.changes() == {"replace": 1}
    stack.up()
    assert inspect(name)["Id"] != before


def test_refresh_shows_what_was_changed_by_hand(stack: Stack, name: str, image: str) -> None:
    """A changed limit, a stopped container, a removed one: each is shown and put right."""
    stack.up(container(name, image, "memory=32, memory_swap=32"))
    before = inspect(name)["Id"]
    subprocess.run(
        ["docker", "update", "--memory", "64m", "--memory-swap", "64m", name], check=True, capture_output=True
    )
    stack.refresh()
    assert stack.changes() == {"update": 1}
    stack.up()
    assert inspect(name)["HostConfig"]["Memory"] == 32 << 20
    subprocess.run(["docker", "kill", name], check=True, capture_output=True)
    stack.refresh()
    assert stack.changes() == {"update": 1}
    stack.up()
    assert inspect(name)["State"]["Running"]
    assert inspect(name)["Id"] == before
    subprocess.run(["docker", "rm", "--force", name], check=True, capture_output=True)
    stack.refresh()
    assert stack.changes() == {"create": 1}


def test_a_container_that_does_not_get_healthy(stack: Stack, name: str, image: str) -> None:
    """The error has the last check and log; the state keeps the container, and the next `up` tries again."""
    check = HEALTHY.replace("cat /tmp/ready", "echo not-yet; cat /tmp/other")
    program = container(name, image, f"healthcheck={check}, wait=True, wait_timeout=2")
    output = stack.up(program.replace("echo up >", "echo log-line; echo up >"), ok=False)
    assert "container failed to be in healthy state" in output
    assert "not-yet" in output
    assert "log-line" in output
    assert stack.resource("one")["initErrors"]
    assert stack.up(ok=False).count("container failed to be in healthy state") >= 1
    subprocess.run(["docker", "exec", name, "/bin/sh", "-c", "echo x > /tmp/other"], check=True)
    stack.up()
    assert "initErrors" not in stack.resource("one")
    assert stack.changes() == {}


def test_a_container_that_ends_at_once(stack: Stack, name: str, image: str) -> None:
    """Is not waited for until the timeout."""
    start = time.monotonic()
    output = stack.up(
        container(
            name,
            image,
            f"healthcheck={HEALTHY}, wait=True, wait_timeout=50",
            '["/bin/sh", "-c", "echo no; exit 4"]',
        ),
        ok=False,
    )
    assert "it ended with exit code 4" in output
    assert time.monotonic() - start < 20


def test_automatic_names_have_a_suffix_that_stays(stack: Stack, image: str) -> None:
    """And with one, the new container comes before the old one only if the program asks for it."""
    export = "pulumi.export('names', [n.name, v.name])"
    program = f"{HEAD}n = docker.Network('net')\nv = docker.Volume('vol')\n{export}\n"
    stack.up(program)
    names = stack.outputs()["names"]
    assert all(value.startswith(f"{prefix}-") for value, prefix in zip(names, ("net", "vol"), strict=True))
    assert stack.changes() == {}
    stack.up(program.replace("Network('net')", "Network('net', internal=True)"))
    assert stack.outputs()["names"][0] != names[0]
    assert stack.outputs()["names"][1] == names[1]
    stack.pulumi("destroy", "--yes", "--skip-preview")


def test_networks_and_volumes_that_were_removed_are_made_again(stack: Stack, name: str) -> None:
    """Refresh takes them out of the state."""
    stack.up(f"{HEAD}docker.Network('net', name={name!r})\ndocker.Volume('vol', name={name!r})\n")
    subprocess.run(["docker", "network", "rm", name], check=True, capture_output=True)
    subprocess.run(["docker", "volume", "rm", name], check=True, capture_output=True)
    stack.refresh()
    assert stack.changes() == {"create": 2}


def test_what_is_not_supported_is_refused_by_name(stack: Stack, name: str, image: str) -> None:
    """Nothing is left out in silence."""
    upload = "uploads=[docker.ContainerUploadArgs(file='/x', content='y')]"
    stack.write(container(name, image, upload))
    assert "`uploads` is not supported by this stand-in plugin" in stack.pulumi("preview", ok=False)
    stack.write(container(name, image, "restart='sometimes'"))
    assert "`restart` is 'sometimes'" in stack.pulumi("preview", ok=False)


def test_a_daemon_that_cannot_be_reached_is_named(stack: Stack, name: str) -> None:
    """With the address that was tried."""
    stack.write(f"{HEAD}docker.Volume('vol', name={name!r})\n")
    output = stack.pulumi(
        "up", "--yes", "--skip-preview", ok=False, DOCKER_HOST="unix:///nowhere/docker.sock"
    )
    assert "the Docker daemon at unix:///nowhere/docker.sock cannot be reached" in output


def test_an_image_that_is_nowhere(stack: Stack) -> None:
    """The error names it."""
    program = f"{HEAD}docker.RemoteImage('image', name='127.0.0.1:9/none:1')\n"
    assert "unable to pull image 127.0.0.1:9/none:1" in stack.up(program, ok=False)
