"""Logs of units under a real systemd: read from the journal, found in Loki, and nobody else's."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.e2e.inside import Inside
from tests.e2e.kept import ops
from tests.e2e.loki import lines
from tests.e2e.story import eventually, settled
from tests.e2e.systemd_machine import SystemdMachine, systemd_machine

FIRST = {"system": 61950, "user": 61960}


def config(scope: str, data: Path) -> dict[str, Any]:
    """PostgreSQL, Loki and Promtail on consecutive ports."""
    first = FIRST[scope]
    services = {
        "postgres": {"port": first, "memory": "256MiB"},
        "loki": {"port": first + 1, "grpc-port": first + 2},
        "promtail": {"port": first + 3},
    }
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


@pytest.fixture(scope="module", params=["user", "system"])
def stack(request: pytest.FixtureRequest, machine: SystemdMachine, scratch: Path) -> Iterator[Inside]:
    """The stack, up: of root, or of the account."""
    scope = request.param
    root = scratch if scope == "system" else machine.home
    made = Inside(
        machine, root / f"{scope}-project", config(scope, root / f"{scope}-data"), f"logged-{scope}"
    )
    made.up()
    yield made
    made.destroy()


def _refused(stack: Inside) -> str:
    """The name of somebody whom PostgreSQL has turned away, and logged."""
    nobody = f"nobody-{uuid.uuid4().hex}"
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(
            f"host=127.0.0.1 port={stack.port('postgres')} user={nobody} password=x dbname=postgres"
        )
    return nobody


def test_a_line_that_a_unit_logs_is_found_in_loki(stack: Inside) -> None:
    nobody = _refused(stack)
    found = eventually(
        lambda: lines(stack.port("loki"), f'{{stack="{stack.stack}"}} |= "{nobody}"'), seconds=60
    )
    assert {labels["service"] for labels, _ in found} == {"postgres"}


def test_what_a_process_logs_that_is_gone_at_once_is_neither_lost_nor_hidden(stack: Inside) -> None:
    # PostgreSQL turns somebody away in a process for that one connection.
    names = {_refused(stack) for _ in range(10)}

    def found() -> bool:
        said = "".join(text for _, text in lines(stack.port("loki"), '{service="postgres"} |= "nobody-"'))
        return all(name in said for name in names)

    eventually(found)
    shown = ops(stack, "logs", "postgres", "--lines", "100").text
    assert all(name in shown for name in names)


def test_what_others_write_to_the_journal_is_not_shipped(stack: Inside) -> None:
    mark = uuid.uuid4().hex
    stack.machine.call("systemd-cat", "--identifier=somebody", "echo", mark, root=stack.privileged)
    eventually(lambda: mark in stack.machine.call("journalctl", "--quiet", root=stack.privileged))
    nobody = _refused(stack)
    # What was written later has arrived.
    eventually(lambda: lines(stack.port("loki"), f'{{stack="{stack.stack}"}} |= "{nobody}"'), seconds=60)
    assert lines(stack.port("loki"), f'{{stack="{stack.stack}"}} |= "{mark}"') == []
    assert {row["service"] for row, _ in lines(stack.port("loki"), '{service=~".+"}')} <= set(
        stack.config["services"]
    )


def test_nothing_is_left_to_do(stack: Inside) -> None:
    settled(stack)
