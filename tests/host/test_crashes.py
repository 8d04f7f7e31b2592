"""Kills at any moment: the next run converges, and nothing is left behind."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import psutil
import pytest
from support.ports import free_port

from tests.host.machine import Machine, processes
from tests.host.test_apply import get


def test_apply_killed_at_any_moment_converges(machine: Machine) -> None:
    port = free_port()
    rng = random.Random(7)
    marker = f"check-of-{os.getpid()}"
    check = ["sh", "-c", f"sleep 0.1; : {marker}"]
    machine.apply(machine.web(port, text="v0", check=check))
    for version in range(1, 8):
        document = machine.web(port, text=f"v{version}", restart_on=str(version), check=check)
        process = machine.popen("apply", document=document)
        time.sleep(rng.uniform(0.05, 1.2))
        process.kill()
        process.communicate()
    document = machine.web(port, text="last", check=check)
    machine.apply(document)
    assert get(port) == "last"
    assert machine.apply(document) == "web: unchanged"
    assert len(processes(f"{machine.root}/web")) == 1
    assert not processes(marker)
    assert not list(machine.root.rglob("*.new"))


@pytest.mark.parametrize("delay", [0.15, 0.35, 0.8])
def test_a_kill_after_the_swap_still_restarts_the_process(machine: Machine, delay: float) -> None:
    port = free_port()
    machine.apply(machine.redis(port))
    changed = machine.redis(port, extra="maxmemory 12mb\n")
    process = machine.popen("apply", document=changed)
    time.sleep(delay)
    process.kill()
    process.communicate()
    machine.apply(changed)
    import subprocess

    said = subprocess.run(
        ["redis-cli", "-p", str(port), "config", "get", "maxmemory"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert said.split() == ["maxmemory", str(12 << 20)]


def test_supervisord_killed_leaves_no_orphan_in_the_way(machine: Machine) -> None:
    port = free_port()
    machine.apply(machine.redis(port))
    old = machine.pid("redis")
    machine.kill_supervisord()
    assert psutil.pid_exists(old)
    machine.apply(machine.redis(port))
    assert not psutil.pid_exists(old) or psutil.Process(old).status() == psutil.STATUS_ZOMBIE
    assert machine.pid("redis") not in (0, old)


def test_concurrent_applies_do_not_disturb_each_other(machine: Machine) -> None:
    ports = [free_port(), free_port()]
    machine.apply(machine.web(ports[0]))
    pid = machine.pid("web")
    runs = [machine.popen("apply", document=machine.redis(ports[1])) for _ in range(3)]
    runs.append(machine.popen("apply", document=machine.web(ports[0])))
    results = [run.communicate()[0].strip() for run in runs]
    assert sorted(results) == ["redis: first start", "redis: unchanged", "redis: unchanged", "web: unchanged"]
    assert machine.pid("web") == pid


def test_supervisor_start_and_stop(machine: Machine, root: Path) -> None:
    assert machine.verb("supervisor", "stop", str(root)).stdout.strip() == "supervisord: not running"
    assert machine.verb("supervisor", "start", str(root)).stdout.strip() == "supervisord: started"
    assert machine.verb("supervisor", "start", str(root)).stdout.strip() == "supervisord: running"
    assert (root / "supervisor/supervisor.sock").stat().st_mode & 0o777 == 0o700
    machine.apply(machine.web(free_port()))
    assert machine.verb("supervisor", "stop", str(root)).stdout.strip() == "supervisord: kept for web"
    machine.verb("remove", str(root), "supervisord", "web")
    assert machine.verb("supervisor", "stop", str(root)).stdout.strip() == "supervisord: stopped"
    assert not processes(str(root))


def test_a_stale_pid_file_of_a_reused_number_harms_nobody(machine: Machine, root: Path) -> None:
    import subprocess

    with subprocess.Popen(["sleep", "60"], start_new_session=True) as bystander:
        (root / "supervisor").mkdir()
        (root / "supervisor/supervisord.pid").write_text(f"{bystander.pid}\n")
        (root / "supervisor/supervisor.sock").touch()
        assert machine.verb("supervisor", "start", str(root)).returncode == 0
        assert bystander.poll() is None
        bystander.send_signal(signal.SIGKILL)
