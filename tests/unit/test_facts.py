"""The figures of this host."""

from __future__ import annotations

import os
import platform
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from host import documents, notes
from host.facts import busy_ports, data_root, measure


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that this process listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_port_somebody_listens_on_is_busy_with_their_name(taken: int, tmp_path: Path) -> None:
    assert busy_ports([taken], "none", tmp_path) == {taken: psutil.Process().name()}


def test_a_free_port_is_not_busy(taken: int, tmp_path: Path) -> None:
    assert 1 not in busy_ports([taken], "none", tmp_path)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert busy_ports([port], "none", tmp_path) == {}


def test_the_stacks_own_port_is_not_busy(taken: int, tmp_path: Path) -> None:
    applied = {
        "root": str(tmp_path), "service": "redis", "runtime": "supervisord", "ports": [taken],
        "unit": {"path": str(tmp_path / "redis.conf"), "content": ""},
    }  # fmt: skip
    (tmp_path / "redis").mkdir()
    notes.finish(documents.parse(applied), tasks_done=True)
    assert busy_ports([taken], "none", tmp_path) == {}
    # The same stack on containers would find it still running.
    assert busy_ports([taken], "none", tmp_path, containers=True) == {taken: psutil.Process().name()}


def test_data_lies_with_the_system_or_with_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert data_root() == "/var/lib/hearth"
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_DATA_HOME", "/home/me/data")
    assert data_root() == "/home/me/data/hearth"


def test_the_host_is_measured(tmp_path: Path) -> None:
    found = measure([], "none", str(tmp_path))
    assert found.memory == psutil.virtual_memory().total
    assert found.cpus >= 1
    assert found.superuser == (os.geteuid() == 0)


def test_without_a_daemon_there_is_no_swarm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    assert measure([], "none", "/nonexistent").swarm_nodes() == 0


def test_only_the_memory_of_a_mac_is_shared_with_its_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    assert measure([], "none", "/nonexistent").gpu_memory is None
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    found = measure([], "none", "/nonexistent")
    assert found.gpu_memory == found.memory * 2 // 3
    assert not found.accounts
