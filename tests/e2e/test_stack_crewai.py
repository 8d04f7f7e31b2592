"""The stack file of the CrewAI team, as units of an account without root under a real systemd.

Only ports differ, and the assistant's model: one with random weights, for no hub is in reach.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from components import watching
from tests.e2e import probes
from tests.e2e.inside import Inside
from tests.e2e.leaks import leaks
from tests.e2e.stack_files import native, planned, port
from tests.e2e.story import eventually, plan, settled, smoke, touched_by
from tests.e2e.systemd_machine import SystemdMachine, systemd_machine

CONFIG = native("crewai", 64001)
CONFIG["services"]["walmart"]["env"] = {"MODEL": "assistant"}
SERVICES = set(CONFIG["services"])
DOOR = f"http://127.0.0.1:{port(CONFIG, 'nginx')}"


@pytest.fixture(scope="module")
def machine(scratch: Path) -> Iterator[SystemdMachine]:
    with systemd_machine(scratch) as running:
        yield running


@pytest.fixture(scope="module")
def stack(machine: SystemdMachine) -> Iterator[Inside]:
    """The stack, up."""
    made = Inside(machine, machine.home / "project", {**CONFIG, "data": str(machine.home / "data")}, "crewai")
    made.up()
    yield made
    made.destroy()


def ask(path: str, body: str | None = None) -> httpx.Response:
    """The front door's answer."""
    method = "GET" if body is None else "POST"
    answer = httpx.request(method, f"{DOOR}{path}", content=body, timeout=60)
    return answer.raise_for_status()


def pids(stack: Inside) -> dict[str, str]:
    """The main process of each service; the look at their health comes and goes."""
    return {name: stack.show(name, "MainPID") for name in stack.processes().keys() - {watching.NAME}}


def test_nothing_is_left_to_do(stack: Inside) -> None:
    settled(stack)


def test_every_part_is_a_unit_of_the_account(stack: Inside) -> None:
    assert set(pids(stack)) == SERVICES
    owners = {process.uids().real for found in stack.processes().values() for process in found}
    assert owners == {stack.machine.uid}
    assert {stack.show(name, "UnitFileState") for name in SERVICES} == {"enabled"}
    assert any("loginctl enable-linger" in note for note in plan(stack)["notes"])


def test_ollama_does_two_things_at_once_and_no_more(stack: Inside) -> None:
    (ollama,) = [found for found in stack.processes()["ollama"] if found.cmdline()[1:] == ["serve"]]
    settings = ollama.environ()
    assert settings["OLLAMA_NUM_PARALLEL"] == "1"
    assert settings["OLLAMA_MAX_LOADED_MODELS"] == "2"
    assert settings["OLLAMA_LOAD_TIMEOUT"] == "600s"
    assert settings["OLLAMA_KEEP_ALIVE"] == "300s"


def test_limits_are_kept_by_the_kernel(stack: Inside) -> None:
    declared = {spec.name: spec.resources.memory for spec in planned(CONFIG).services}
    kept = {name: stack.limit(name, "memory.max", "memory.limit_in_bytes") for name in SERVICES}
    # The kernel counts in pages.
    assert kept == {name: size // 4096 * 4096 for name, size in declared.items()}


def test_one_port_leads_to_every_part(stack: Inside) -> None:
    assert "<title>Hearth</title>" in ask("/").text
    assert ask("/api/").json()["port"] == str(port(CONFIG, "backend"))
    assert ask("/walmart/healthz").text == "ok"
    assert ask("/ollama/api/version").json()["version"]


def test_the_assistant_asks_the_model_and_remembers(stack: Inside) -> None:
    smoke(stack)
    assert len(probes.streamed_words(DOOR, probes.RANDOM_MODEL)) > 2
    # Random weights know no end.
    brief = {"model": "assistant", "from": probes.RANDOM_MODEL, "parameters": {"num_predict": 16}}
    ask("/ollama/api/create", json.dumps(brief))
    answer = ask("/walmart/ask", "When are beans sown?").text
    assert answer
    assert ask("/walmart/history").json() == [["When are beans sown?", answer]]


@pytest.mark.parametrize(("service", "path"), [("backend", "/api/"), ("walmart", "/walmart/history")])
def test_a_killed_part_comes_back(stack: Inside, service: str, path: str) -> None:
    before = stack.show(service, "MainPID")
    stack.systemctl("kill", service, "--signal=KILL")
    eventually(lambda: stack.show(service, "MainPID") not in ("0", before) and ask(path))


def test_secrets_are_in_plain_text_nowhere(stack: Inside) -> None:
    assert leaks(stack, docker=False, units=[stack.units]) == []


def test_a_part_is_switched_off_alone(stack: Inside) -> None:
    before = pids(stack)
    services = {name: settings for name, settings in stack.config["services"].items() if name != "walmart"}
    touched = touched_by(stack, {**stack.config, "services": services})
    # Beside its own resources, the door that led to it, and the plan.
    assert {name for name in touched if "walmart" not in name and not name.startswith("hearth-")} == {"nginx"}
    stack.up()
    after = pids(stack)
    assert set(after) == SERVICES - {"walmart"}
    assert {name for name in after if name != "nginx" and after[name] != before[name]} == set()
    assert "<title>Hearth</title>" in ask("/walmart/").text
    stack.configure(stack.config)
    stack.up()
    assert [question for question, _ in ask("/walmart/history").json()] == ["When are beans sown?"]
    stack.assert_nothing_to_do()


def test_destroy_leaves_nothing_but_data(stack: Inside) -> None:
    stack.destroy()
    assert stack.processes() == {}
    assert stack.machine.systemctl("list-units", "--all", "--quiet", "--plain", "hearth-*", root=False) == ""
    assert not list(stack.units.rglob("hearth-*"))
    assert (stack.root / "walmart" / "data" / "history.db").is_file()
