"""Programs that run at set times, and replicas with limits, under real managers."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.rendered import services

from components.runtimes.native import apply_document
from host import drift, managers
from host.documents import parse
from tests.host.launchd_domain import Domain
from tests.host.machine import Machine

MIB = 1024**2


def within(seconds: float, question: Callable[[], Any]) -> Any:
    """The first true answer."""
    deadline = time.monotonic() + seconds
    while not (answer := question()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return answer


# What this manager, in a cgroup and nothing else of its own, cannot give: a view of the files.
VIEW = re.compile(r"^(Protect|Private|Bind)\w+=.*\n", re.MULTILINE)


def documents(machine: Machine, home: Path, own: dict[str, Any], runtime: str) -> dict[str, dict]:
    """What ``apply`` gets for programs of the owner's, whose links are made."""
    stack = {"runtime": runtime, "data": str(machine.root), "services": own}
    made, found = services(stack, home=str(home), accounts=False)
    for service in found:
        package = service.spec.package
        wanted = {
            "root": str(machine.root),
            "name": service.spec.declared,
            "programs": list(package.programs),
        }
        wanted["aliases"] = dict(package.aliases)
        assert machine.verb("package", document=wanted).returncode == 0
    written = [apply_document(service, made.units) for service in found]
    for document in written if runtime == "systemd" else ():
        for entry in (document["unit"], *document["files"]):
            entry["content"] = VIEW.sub("", entry["content"])
    return {document["service"]: document for document in written}


def job(command: str, schedule: str = "* * * * *") -> dict[str, Any]:
    return {"type": "cronjob", "memory": "64MiB", "schedule": schedule, "command": ["/bin/sh", "-c", command]}


def record(machine: Machine, service: str = "tick") -> dict[str, int] | None:
    path = machine.root / service / "data" / "last-run.json"
    return json.loads(path.read_text()) if path.exists() else None


@pytest.fixture
def home(systemd: Machine) -> Path:
    """The home of the manager's user, whose units are where it reads them."""
    found = systemd.manager.units.parents[2]
    (found / ".config").symlink_to(found / "config")
    return found


def test_a_timer_starts_a_job_and_its_last_run_is_kept(
    systemd: Machine, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, value in systemd.env.items():
        monkeypatch.setenv(key, value)
    (document,) = documents(systemd, home, {"tick": job("sleep 1; exit 3")}, "systemd").values()
    assert systemd.apply(document) == "tick: first start"
    manager = managers.of(parse(document))
    assert manager.status().state is managers.State.RUNNING
    assert systemd.show("test-tick.job", "MemoryMax") == str(64 * MIB)
    assert drift.inspect(document) == []

    # Asked for twice, it runs once.
    manager.run_now()
    manager.run_now()
    first = within(10, lambda: record(systemd))
    assert first["exit"] == 3
    assert within(5, lambda: systemd.show("test-tick.job", "ActiveState") == "failed")
    # That a run failed is no reason to put the job right.
    assert drift.inspect(document) == []
    assert systemd.apply(document) == "tick: unchanged"

    # And on the minute by itself.
    second = within(75, lambda: record(systemd) != first and record(systemd))
    assert second["started"] % 60 < 3

    remove = ("remove", str(systemd.root), "systemd", "tick", "--scope", "user")
    assert systemd.verb(*remove).returncode == 0
    assert not list(systemd.manager.units.rglob("hearth-test-tick*"))
    assert record(systemd)


def test_the_limit_of_each_replica_is_one_that_the_kernel_keeps(systemd: Machine, home: Path) -> None:
    agents = {"type": "agent", "replicas": 3, "memory": "48MiB", "command": ["/bin/sleep", "300"]}
    made = documents(systemd, home, {"agents": agents}, "systemd")
    assert list(made) == ["agents-1", "agents-2", "agents-3"]
    for document in made.values():
        systemd.apply(document)
    for name in made:
        group = systemd.show(f"test-{name}", "ControlGroup").lstrip("/")
        limits = [
            path.read_text().strip()
            for file in ("memory.max", "memory.limit_in_bytes")
            for path in Path("/sys/fs/cgroup").rglob(f"{group}/{file}")
        ]
        assert limits == [str(48 * MIB)]


def test_supervisord_runs_a_script_that_keeps_the_times(machine: Machine, tmp_path: Path) -> None:
    made = documents(machine, tmp_path, {"tick": job("echo ticked", "0 0 1 1 *")}, "supervisord")
    (document,) = made.values()
    assert machine.apply(document) == "tick: first start"
    assert record(machine) is None
    managers.of(parse(document)).run_now()
    assert within(10, lambda: record(machine))["exit"] == 0
    assert drift.inspect(document) == []
    (again,) = documents(machine, tmp_path, {"tick": job("echo ticked", "0 1 1 1 *")}, "supervisord").values()
    assert machine.apply(again) == "tick: changed: schedule.sh"
    assert machine.verb("remove", str(machine.root), "supervisord", "tick").returncode == 0
    assert machine.pid("tick") == 0


def test_a_program_without_anything_to_ask_must_go_on_running(machine: Machine, tmp_path: Path) -> None:
    short = {"type": "agent", "memory": "64MiB", "command": ["/bin/sh", "-c", "sleep 1.2; exit 1"]}
    (document,) = documents(machine, tmp_path, {"short": short}, "supervisord").values()
    assert "soon after its start" in machine.refused(document)


def test_launchd_keeps_the_times_and_starts_nothing_before(
    root: Path, domain: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    mac = Machine(root, runtime="launchd", scope="user")
    mac.env = domain.env
    for key, value in domain.env.items():
        monkeypatch.setenv(key, value)
    (document,) = documents(mac, domain.home, {"tick": job("echo ticked", "0 0 1 1 *")}, "launchd").values()
    assert mac.apply(document) == "tick: first start"
    manager = managers.of(parse(document))
    assert manager.status().state is managers.State.RUNNING
    assert record(mac) is None
    assert drift.inspect(document) == []
    manager.run_now()
    assert within(10, lambda: record(mac))["exit"] == 0
    assert mac.verb("remove", str(root), "launchd", "tick", "--scope", "user").returncode == 0
    assert manager.status().state is managers.State.STOPPED
