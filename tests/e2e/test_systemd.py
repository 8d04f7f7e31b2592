"""The stack under a real systemd: as user units of an account without root, and as hardened system units."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.e2e import probes
from tests.e2e.inside import Inside
from tests.e2e.leaks import leaks
from tests.e2e.story import eventually, settled, smoke, touched_by, with_setting
from tests.e2e.systemd_machine import SystemdMachine, systemd_machine

MIB = 1024**2
SERVICES = ("nginx", "ollama", "postgres", "redis")


def config(scope: str, first_port: int, data: Path) -> dict[str, Any]:
    """Four services on consecutive ports, in the order of their names."""
    sizes = {
        "nginx": {},
        "ollama": {"memory": "2GiB"},
        "postgres": {"memory": "256MiB"},
        "redis": {"memory": "128MiB"},
    }
    services = {name: {"port": first_port + place, **sizes[name]} for place, name in enumerate(SERVICES)}
    services["redis"] |= {"cpus": 0.5, "cpu-weight": 50}
    return {
        "data": str(data),
        "runtime": "systemd",
        "systemd": {"scope": scope},
        "host": {"reserve": "512MiB"},
        "services": services,
    }


@pytest.fixture(scope="module")
def machine(scratch: Path) -> Iterator[SystemdMachine]:
    with systemd_machine(scratch) as running:
        yield running


@pytest.fixture(scope="module")
def stack(machine: SystemdMachine) -> Iterator[Inside]:
    """User units: the account deploys, and owns everything."""
    made = Inside(
        machine, machine.home / "project", config("user", 65201, machine.home / "data"), "user-units"
    )
    yield from _up_and_away(made)


@pytest.fixture(scope="module")
def system_stack(machine: SystemdMachine, scratch: Path) -> Iterator[Inside]:
    """System units: root deploys, and every service has an account of its own."""
    made = Inside(
        machine, scratch / "system-project", config("system", 65301, scratch / "system"), "system-units"
    )
    yield from _up_and_away(made)


def _up_and_away(made: Inside) -> Iterator[Inside]:
    made.up()
    yield made
    made.destroy()


def _answers(stack: Inside) -> None:
    assert probes.redis_answers(stack.port("redis"), stack.secret("redis"))
    assert probes.nearest(stack.port("postgres"), stack.secret("postgres-app")) == [1, 2]
    smoke(stack)
    assert len(probes.streamed_words(f"http://127.0.0.1:{stack.port('nginx')}", probes.RANDOM_MODEL)) > 2


def _kept_by_the_kernel(stack: Inside) -> None:
    memory = ("memory.max", "memory.limit_in_bytes")
    assert {name: stack.limit(name, *memory) // MIB for name in SERVICES} == {
        "nginx": 64, "ollama": 2048, "postgres": 256, "redis": 128
    }  # fmt: skip
    # PostgreSQL's is what its clients and its own workers come to.
    assert {name: stack.limit(name, "pids.max") for name in SERVICES} == {
        "ollama": 512, "redis": 512, "postgres": 132, "nginx": 512,
    }  # fmt: skip
    # Of every 100 ms.
    assert stack.limit("redis", "cpu.max", "cpu.cfs_quota_us") == 50_000
    # Half of what others get, in the unit of either hierarchy.
    assert stack.limit("redis", "cpu.weight", "cpu.shares") in (50, 512)


def _listens_on_loopback_alone(stack: Inside) -> None:
    ports = {stack.port(name) for name in SERVICES}
    listening = {
        (connection.laddr.port, connection.laddr.ip)
        for connection in psutil.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port in ports
    }
    assert listening == {(port, "127.0.0.1") for port in ports}


def test_nothing_is_left_to_do(stack: Inside) -> None:
    settled(stack)


def test_every_service_answers(stack: Inside) -> None:
    _answers(stack)


def test_nobody_but_the_account_runs_anything(stack: Inside) -> None:
    running = stack.processes()
    assert sorted(running) == list(SERVICES)
    assert {process.uids().real for found in running.values() for process in found} == {stack.machine.uid}


def test_units_see_the_files_of_others_read_only(stack: Inside) -> None:
    for found in stack.processes().values():
        mounts = (line.split() for line in Path(f"/proc/{found[0].pid}/mountinfo").read_text().splitlines())
        root = next(entry for entry in mounts if entry[4] == "/")
        assert "ro" in root[5].split(",")


def test_limits_are_kept_by_the_kernel(stack: Inside) -> None:
    _kept_by_the_kernel(stack)


def test_everything_listens_on_loopback_alone(stack: Inside) -> None:
    _listens_on_loopback_alone(stack)


def test_secrets_are_in_plain_text_nowhere(stack: Inside) -> None:
    assert leaks(stack, docker=False, units=[stack.units]) == []


def test_units_start_with_the_account_s_manager(stack: Inside) -> None:
    assert {stack.show(name, "UnitFileState") for name in SERVICES} == {"enabled"}


def test_a_changed_limit_touches_one_service(stack: Inside) -> None:
    touched = touched_by(stack, with_setting(stack.config, "redis", memory="160MiB"))
    stack.configure(stack.config)
    assert {name for name in touched if not name.startswith("hearth-")} == {"redis"}


def test_a_killed_process_comes_back(stack: Inside) -> None:
    before = stack.show("redis", "MainPID")
    stack.systemctl("kill", "redis", "--signal=KILL")
    eventually(lambda: probes.redis_value(stack.port("redis"), stack.secret("redis")) == "kept")
    assert stack.show("redis", "MainPID") != before


def test_a_configuration_that_fails_leaves_the_old_one_serving(stack: Inside) -> None:
    template = stack.directory / "templates" / "redis" / "redis.conf.j2"
    good = template.read_text()
    template.write_text(good + "no-such-directive yes\n")
    try:
        for _ in range(2):
            failed = stack.up(check=False)
            assert failed.status != 0
            assert "previous configuration is serving again" in failed.text
            # From the journal, which the account can read.
            assert "Bad directive or wrong number of arguments" in failed.text
        assert probes.redis_value(stack.port("redis"), stack.secret("redis")) == "kept"
    finally:
        template.write_text(good)
    stack.up()
    stack.assert_nothing_to_do()


def test_drift_is_found_and_repaired(stack: Inside) -> None:
    unit = stack.units / f"hearth-{stack.stack}-redis.service"
    before = unit.read_text()
    unit.write_text(before.replace("TasksMax=512", "TasksMax=511"))
    stack.systemctl("stop", "nginx")
    found = stack.drift()
    assert found.status == 1
    assert "redis" in found.text
    assert "nginx" in found.text
    assert stack.drift("--repair").status == 0
    assert unit.read_text() == before
    assert stack.limit("redis", "pids.max") == 512
    assert stack.show("nginx", "ActiveState") == "active"
    assert stack.drift().status == 0


def test_destroy_keeps_data_and_the_next_up_serves_it(stack: Inside) -> None:
    redis, app = stack.secret("redis"), stack.secret("postgres-app")
    stack.destroy()
    assert stack.processes() == {}
    assert stack.machine.systemctl("list-units", "--all", "--quiet", "--plain", "hearth-*", root=False) == ""
    assert not list(stack.units.rglob("hearth-*"))
    stack.up()
    assert (stack.secret("redis"), stack.secret("postgres-app")) == (redis, app)
    assert probes.redis_value(stack.port("redis"), redis) == "kept"
    assert probes.nearest(stack.port("postgres"), app) == [1, 2]


def test_system_units_answer_and_are_settled(system_stack: Inside) -> None:
    _answers(system_stack)
    system_stack.assert_nothing_to_do()


def test_system_units_keep_their_limits(system_stack: Inside) -> None:
    _kept_by_the_kernel(system_stack)
    _listens_on_loopback_alone(system_stack)


def test_system_units_have_accounts_of_their_own_and_no_privileges(system_stack: Inside) -> None:
    running = system_stack.processes()
    assert sorted(running) == list(SERVICES)
    owners = {name: {process.uids().real for process in found} for name, found in running.items()}
    assert all(len(found) == 1 and found != {0} for found in owners.values())
    assert len(set.union(*owners.values())) == len(SERVICES)
    for found in running.values():
        for process in found:
            status = dict(
                line.split(":\t", 1)
                for line in Path(f"/proc/{process.pid}/status").read_text().splitlines()
                if ":\t" in line
            )
            held = {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}
            assert (held, status["NoNewPrivs"], status["Seccomp"]) == ({f"{0:016x}"}, "1", "2")


def test_system_units_see_only_what_is_theirs(system_stack: Inside) -> None:
    for name, found in system_stack.processes().items():
        seen = Path(f"/proc/{found[0].pid}/root")
        # The data of this stack lies below /var/tmp, of which every unit has one of its own.
        assert {path.name for path in (seen / str(system_stack.root).lstrip("/")).iterdir()} == {
            "bin",
            "packages",
            name,
            # The page that it shows.
            *(("watch",) if name == "nginx" else ()),
        }
        assert not list((seen / "home").iterdir())


def test_a_unit_that_ends_leaves_what_its_account_shares(system_stack: Inside) -> None:
    """Another stack's service has the same account, and memory of its own there."""
    others = [f"/dev/shm/hearth-e2e-beside-{name}" for name in ("postgres", "redis")]
    ask = system_stack.machine.call
    try:
        for path, name in zip(others, ("postgres", "redis"), strict=True):
            ask("install", "-m600", f"--owner=hearth-{name}", "/dev/null", path, root=True)
            system_stack.systemctl("stop", name)
            assert ask("stat", "--format=%U", path, root=True).strip() == f"hearth-{name}"
            system_stack.systemctl("start", name)
        eventually(lambda: probes.redis_answers(system_stack.port("redis"), system_stack.secret("redis")))
    finally:
        ask("rm", "-f", *others, root=True)


def test_system_units_are_gone_after_destroy(system_stack: Inside) -> None:
    assert leaks(system_stack, docker=False, units=[system_stack.units]) == []
    system_stack.destroy()
    assert system_stack.processes() == {}
    assert not list(system_stack.units.rglob("hearth-*"))
