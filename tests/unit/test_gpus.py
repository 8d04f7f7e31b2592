"""GPUs: found or declared, given to the containers that can use one, and said in the plan."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from support.stacks import GIB, deploy, facts, plan, record, run, values

from components.config import load_stack_config
from components.facts import Gpu
from components.plan_table import as_data
from host import gpus

SERVICES = {"ollama": {"models": ["llama3.2:3b"]}, "redis": {}}
CARD = Gpu("NVIDIA", 24 * GIB)


def stack(runtime: str = "docker", **host: Any) -> dict[str, Any]:
    return values(runtime, SERVICES, host=host)


def given(stack: dict[str, Any], *cards: Gpu) -> dict[str, str | None]:
    """Service to what its container asks for."""
    config = load_stack_config(stack)
    found = run(lambda: deploy(config, facts(gpus=cards)))
    containers = found.of_type("docker:index/container:Container")
    return {
        container.name.removesuffix("-container"): container.inputs.get("gpus") for container in containers
    }


def notes(stack: dict[str, Any], *cards: Gpu) -> str:
    return "\n".join(as_data(plan(stack, facts(gpus=cards)))["notes"])


def test_a_gpu_that_is_found_goes_to_what_can_use_it() -> None:
    assert given(stack(), CARD) == {"ollama": "all", "redis": None}
    assert "ollama: given 1 NVIDIA GPU of this host" in notes(stack(), CARD)


def test_without_a_gpu_nothing_is_asked_for() -> None:
    assert given(stack()) == {"ollama": None, "redis": None}
    assert "GPU" not in notes(stack())


def test_what_is_declared_wins_over_what_is_found() -> None:
    assert given(stack(gpus=0), CARD)["ollama"] is None
    assert given(stack(gpus=2))["ollama"] == "all"
    assert "given 2 NVIDIA GPUs" in notes(stack(gpus=2), CARD)


def test_a_gpu_that_docker_cannot_give_is_said() -> None:
    card = Gpu("AMD", 16 * GIB)
    assert given(stack(), card)["ollama"] is None
    assert "a GPU of AMD is here; containers are not given it" in notes(stack(), card)
    assert "AMD" not in notes(stack("systemd-user"), card)


def test_models_that_do_not_fit_are_said_and_run_all_the_same() -> None:
    small = Gpu("NVIDIA", GIB)
    for runtime in ("docker", "systemd-user"):
        assert "the GPUs have 1GiB: the rest runs on the CPU" in notes(stack(runtime), small)
    assert "the rest" not in notes(stack(), CARD)
    assert "the rest" not in notes(stack(gpus=0), small)


def test_native_services_ask_for_nothing() -> None:
    before = record(stack("supervisord"))
    config = load_stack_config(stack("supervisord"))
    after = run(lambda: deploy(config, facts(gpus=(CARD,))))
    assert {f.urn: f.inputs for f in before if f.custom} == {f.urn: f.inputs for f in after if f.custom}


def smi(directory: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """A stand-in for nvidia-smi."""
    (directory / "nvidia-smi").write_text(f"#!/bin/sh\n{script}\n")
    (directory / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}:{os.environ['PATH']}")


def test_nvidias_are_counted_by_their_own_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    smi(tmp_path, monkeypatch, 'printf "24564\\n[N/A]\\n"')
    assert gpus.found(tmp_path, tmp_path) == (Gpu("NVIDIA", 24564 * 1024**2), Gpu("NVIDIA"))


def test_without_it_by_their_device_nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    smi(tmp_path, monkeypatch, "exit 9")
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm"):
        (tmp_path / name).touch()
    assert gpus.found(tmp_path, tmp_path) == (Gpu("NVIDIA"), Gpu("NVIDIA"))


def test_amds_by_the_figures_of_their_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    smi(tmp_path, monkeypatch, "exit 9")
    card = tmp_path / "card1" / "device"
    card.mkdir(parents=True)
    (card / "mem_info_vram_total").write_text(f"{16 * GIB}\n")
    assert gpus.found(tmp_path, tmp_path) == ()
    (tmp_path / "kfd").touch()
    assert gpus.found(tmp_path, tmp_path) == (Gpu("AMD", 16 * GIB),)
