"""``apply`` and ``remove`` with a real systemd user manager and redis-server."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.ports import free_port
from support.rendered import services
from support.stacks import values

from host.managers.systemd import Systemd
from tests.host.machine import Machine, processes


def test_life_of_a_service(systemd: Machine, root: Path) -> None:
    port = free_port()
    assert systemd.apply(systemd.redis(port)) == "redis: first start"
    pid = systemd.show("redis", "MainPID")
    assert systemd.show("redis", "UnitFileState") == "enabled"
    assert systemd.apply(systemd.redis(port)) == "redis: unchanged"
    assert systemd.show("redis", "MainPID") == pid
    assert systemd.apply(systemd.redis(port, extra="maxmemory 10mb\n")) == "redis: changed: redis.conf"
    assert systemd.show("redis", "MainPID") != pid

    errors = systemd.refused(systemd.redis(port, extra="no-such-directive 1\n"))
    assert "did not start" in errors
    assert "no-such-directive" in errors
    assert "serving again" in errors
    assert systemd.apply(systemd.redis(port, extra="maxmemory 10mb\n")) == "redis: unchanged"

    # The limit is one that the kernel keeps.
    limits = [
        path.read_text().strip()
        for name in ("memory.max", "memory.limit_in_bytes")
        for path in Path("/sys/fs/cgroup").rglob(
            f"{systemd.show('redis', 'ControlGroup').lstrip('/')}/{name}"
        )
    ]
    assert limits == [str(64 << 20)]

    remove = ("remove", str(root), "systemd", "redis", "--scope", "user")
    assert systemd.verb(*remove).returncode == 0
    assert not processes(f"{root}/redis")
    assert (root / "redis/data").is_dir()
    assert systemd.show("redis", "LoadState") == "not-found"
    assert not list(systemd.manager.units.rglob("hearth-redis*"))
    assert systemd.verb(*remove).returncode == 0


def test_a_share_of_the_cpu_is_the_kernel_s(systemd: Machine) -> None:
    """With the line that the stack's own unit has for it."""
    runtime, (service,) = services(values("systemd-user", {"redis": {"cpu-weight": 50}}))
    (line,) = [line for line in runtime.units.render(service).splitlines() if "CPUWeight" in line]
    document = systemd.redis(free_port())
    document["unit"]["content"] = document["unit"]["content"].replace("[Service]\n", f"[Service]\n{line}\n")
    systemd.apply(document)
    group = systemd.show("redis", "ControlGroup").lstrip("/")
    shares = {
        path.read_text().strip()
        for name in ("cpu.weight", "cpu.shares")
        for path in Path("/sys/fs/cgroup").rglob(f"{group}/{name}")
    }
    # Half of what others get, in the unit of either hierarchy.
    assert shares in ({"50"}, {"512"})


def test_memory_is_what_the_kernel_counts(systemd: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    systemd.apply(systemd.redis(free_port()))
    for key, value in systemd.env.items():
        monkeypatch.setenv(key, value)
    assert systemd.manager is not None
    counted = Systemd(systemd.manager.units / "hearth-redis.service", "user").memory()
    assert counted is not None and 1 << 20 < counted < 64 << 20
    assert Systemd(systemd.manager.units / "hearth-none.service", "user").memory() is None


def test_without_a_manager_the_mend_is_named(systemd: Machine) -> None:
    systemd.env["XDG_RUNTIME_DIR"] = "/nonexistent"
    systemd.env["DBUS_SESSION_BUS_ADDRESS"] = "unix:path=/nonexistent/bus"
    assert "loginctl enable-linger root" in systemd.refused(systemd.redis(free_port()))
    assert not list(systemd.manager.units.rglob("hearth-redis*"))
