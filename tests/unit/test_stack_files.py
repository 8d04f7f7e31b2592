"""The stack files as the end-to-end tests run them: nothing is changed but what their machine forces."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.stacks import stack_file

from tests.e2e.stack_files import LARGE, native, planned

OUT = {
    "cpu": {"mongodb"},
    "crewai": set(),
    "localai": {"grafana", "localai"},
    "sutazai": {"grafana", "neo4j", "qdrant"},
}
SUPERVISORD = {"runtime": "supervisord"}


def without_ports(settings: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if not key.endswith("port")}


@pytest.mark.parametrize("stack", OUT)
def test_what_its_maker_alone_has_is_left_out_and_nothing_else_is_changed(stack: str) -> None:
    written, found = stack_file(stack)["services"], native(stack, 63001, runtime=SUPERVISORD)["services"]
    absent = {name for name in set(written) - set(found) - LARGE if not name.startswith("dify-")}
    assert absent == OUT[stack]
    for name, settings in found.items():
        assert without_ports(settings) == without_ports(written[name])


@pytest.fixture
def stand_ins(tmp_path: Path) -> Path:
    """A directory with MongoDB's programs."""
    for name in ("mongod", "mongosh"):
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize("stack", OUT)
def test_every_port_is_another_one(stack: str, stand_ins: Path) -> None:
    there = {spec.declared: spec.ports for spec in planned(stack_file(stack)).services}
    config = native(stack, 63001, runtime=SUPERVISORD, programs=stand_ins)
    moved = {spec.declared: spec.ports for spec in planned(config).services}
    assert all(len(moved[name]) == len(there[name]) for name in moved)
    numbers = [port.number for ports in moved.values() for port in ports]
    assert sorted(set(numbers)) == sorted(numbers)
    assert set(numbers) <= set(range(63001, 63050))


def test_what_a_stand_in_is_there_for_is_not_left_out(stand_ins: Path) -> None:
    assert "mongodb" in native("cpu", 63001, runtime=SUPERVISORD, programs=stand_ins)["services"]
