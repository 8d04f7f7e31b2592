"""Monitoring as system units under a real systemd: figures, accounts, limits, and an alert about what hangs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.inside import Inside
from tests.e2e.leaks import leaks
from tests.e2e.stack_files import Watched
from tests.e2e.story import eventually, settled
from tests.e2e.systemd_machine import SystemdMachine, systemd_machine

# Under supervisord and Docker it is watched in every run.
pytestmark = pytest.mark.long
STACK = "watched-units"
POSTGRES, PROMETHEUS, ALERTMANAGER = 61632, 61690, 61693
CONFIG: dict[str, Any] = {
    "runtime": "systemd",
    "systemd": {"scope": "system"},
    "host": {"reserve": "512MiB"},
    "services": {
        "redis": {"port": 61679, "memory": "64MiB"},
        "postgres": {"port": POSTGRES, "memory": "256MiB"},
        # Quick to notice, so that the tests are.
        "prometheus": {"port": PROMETHEUS, "memory": "256MiB", "interval": "1s", "patience": "2s"},
        "alertmanager": {"port": ALERTMANAGER, "group-wait": "0s"},
        "node-exporter": {"port": 61600},
        "redis-exporter": {"port": 61621},
        "postgres-exporter": {"port": 61687},
        "blackbox-exporter": {"port": 61615},
        "process-exporter": {"port": 61656},
    },
}

WATCHED = Watched(f"http://127.0.0.1:{PROMETHEUS}", f"http://127.0.0.1:{ALERTMANAGER}")


@pytest.fixture(scope="module")
def machine(scratch: Path) -> Iterator[SystemdMachine]:
    with systemd_machine(scratch) as running:
        yield running


@pytest.fixture(scope="module")
def stack(machine: SystemdMachine, scratch: Path) -> Iterator[Inside]:
    """The stack, up."""
    made = Inside(machine, scratch / "project", {**CONFIG, "data": str(scratch / "data")}, STACK)
    made.up()
    yield made
    made.destroy()


def test_every_job_is_up_and_every_service_answers_its_probe(stack: Inside) -> None:
    eventually(
        lambda: (
            {row["service"] for row, value in WATCHED.series("probe_success") if value == 1}
            == set(CONFIG["services"])
        )
    )
    up = eventually(lambda: WATCHED.series("up"))
    assert {row["job"] for row, _ in up} >= CONFIG["services"].keys() - {"redis", "postgres"}
    eventually(lambda: {value for _, value in WATCHED.series("up")} == {1})


def test_each_has_an_account_and_the_kernel_its_limit(stack: Inside) -> None:
    rows = {row["service"]: row for row in stack.outputs()["plan"]["services"]}
    running = stack.processes()
    assert set(running) == set(CONFIG["services"])
    for service, found in running.items():
        assert 0 not in {process.uids().real for process in found}, service
        mib = float(rows[service]["memory"].removesuffix("MiB"))
        assert stack.limit(service, "memory.max", "memory.limit_in_bytes") == mib * 1024**2, service


def test_a_service_that_hangs_is_an_alert_until_it_answers_again(stack: Inside) -> None:
    eventually(lambda: "ServiceDown" not in WATCHED.alerts("redis"))
    stack.systemctl("kill", "redis", "--signal=STOP")
    try:
        eventually(lambda: "ServiceDown" in WATCHED.alerts("redis"), seconds=90)
    finally:
        stack.systemctl("kill", "redis", "--signal=CONT")
    eventually(lambda: "ServiceDown" not in WATCHED.alerts("redis"), seconds=90)


def test_no_secret_is_in_plain_text(stack: Inside) -> None:
    assert leaks(stack, docker=False, units=[stack.units]) == []


def test_nothing_is_left_to_do(stack: Inside) -> None:
    settled(stack)
