"""``host.drift.inspect`` says what differs, and ``apply`` repairs it."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
from support.ports import free_port

from host import drift
from tests.host.machine import Machine


def found(document: dict) -> set[str]:
    return {f"{Path(finding.subject).name}: {finding.problem}" for finding in drift.inspect(document)}


def test_finds_and_repairs(machine: Machine, root: Path) -> None:
    document = machine.redis(free_port())
    assert "redis.conf: missing" in found(document)
    machine.apply(document)
    assert found(document) == set()

    with (root / "redis/config/redis.conf").open("a") as file:
        file.write("# edited\n")
    with (root / "supervisor/programs/redis.conf").open("a") as file:
        file.write("; edited\n")
    (root / "redis/log").chmod(0o777)
    os.chown(root / "redis/data", 0, 0)
    assert found(document) == {"redis.conf: content", "log: mode", "data: owner"}
    assert len(drift.inspect(document)) == 4
    machine.apply(document)
    assert found(document) == set()

    psutil.Process(machine.pid("redis")).kill()
    machine.kill_supervisord()
    assert any("not running" in problem for problem in found(document))
    machine.apply(document)
    assert found(document) == set()


def test_lost_notes_are_no_obstacle(machine: Machine, root: Path) -> None:
    document = machine.redis(free_port())
    machine.apply(document)
    (root / "redis/applied.json").unlink()
    assert machine.apply(document) == "redis: first start"
    assert machine.apply(document) == "redis: unchanged"


def test_a_unit_that_the_manager_refuses_is_rolled_back(machine: Machine) -> None:
    document = machine.redis(free_port())
    machine.apply(document)
    broken = {**document, "unit": {**document["unit"], "content": "[program:redis]\ncommand=%(no-such)s\n"}}
    errors = machine.refused(broken)
    assert "supervisord refuses" in errors
    assert "serving again" in errors
    assert machine.apply(document) == "redis: unchanged"
    other = machine.web(free_port())
    other["unit"]["content"] = "[program:web]\ncommand=%(no-such)s\n"
    assert "supervisord refuses" in machine.refused(other)
    assert machine.apply(document) == "redis: unchanged"


def test_delivered_secrets_restart_their_service_once(machine: Machine, root: Path) -> None:
    def deliver(text: str) -> None:
        file = {"path": "users.acl", "content": text, "mode": "0400"}
        assert (
            machine.verb(
                "secret-files",
                document={"directory": f"{root}/redis/secrets", "account": "hearth-redis", "files": [file]},
            ).returncode
            == 0
        )

    document = machine.redis(free_port())
    deliver("one")
    machine.apply(document)
    deliver("one")
    assert machine.apply(document) == "redis: unchanged"
    deliver("two")
    assert machine.apply(document) == "redis: changed: secrets"
    assert machine.apply(document) == "redis: unchanged"
