"""The Mac mini's own stack file, on Linux: launchctl and brew are stand-ins, everything else is real."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import redis
import yaml
from support.stacks import plan as planned
from support.stacks import stack_file

from ops import random_model
from tests.e2e import kept, probes
from tests.e2e.homebrew import USER, elsewhere, stock
from tests.e2e.kept import ops
from tests.e2e.leaks import leaks
from tests.e2e.story import eventually, plan, settled, smoke
from tests.e2e.workbench import Workbench
from tests.host.launchd_domain import SUPPORT, Domain, launchd

REDIS, POSTGRES, OLLAMA, NGINX, GARDENER = 64379, 64432, 64434, 64080, 64760
PORTS = {"redis": REDIS, "postgres": POSTGRES, "ollama": OLLAMA, "nginx": NGINX, "gardener": GARDENER}
STACK = "mini"
# What launchd starts at its times.
SCHEDULED = ("watchdog", "watch", "backup", "drill")


@pytest.fixture(scope="module")
def domain(scratch: Path) -> Iterator[Domain]:
    """A launchd; what is left of it goes after the stack."""
    base = scratch / "mac"
    base.mkdir()
    with launchd(base) as made:
        yield made


@pytest.fixture(scope="module")
def stack(domain: Domain, scratch: Path, bench: Callable[..., Workbench]) -> Workbench:
    """The stack file with other ports, up; beside it what a Mac's owner may add, in the gardener's memory."""
    config = stack_file("macmini")
    config["services"]["gardener"] |= {"memory": "1GiB", "env": {"MODEL": random_model.NAME}}
    config["services"] |= {"redis": {"memory": "128MiB"}, "postgres": {"memory": "512MiB"}}
    for service, port in PORTS.items():
        config["services"][service]["port"] = port
    programs, store = Path(domain.env["PATH"].partition(":")[0]), scratch / "formulae"
    (programs / "brew").symlink_to(SUPPORT / "brew")
    hidden: set[Path] = set()
    for spec in planned(config).services:
        hidden |= stock(store, scratch / "source", spec)
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    environment = {
        **domain.env,
        "HOME": str(domain.home),
        "LOGNAME": "daemon",
        "XDG_CACHE_HOME": cache,
        "BREW_STORE": str(store),
        "BREW_PREFIX": str(scratch / "homebrew"),
    }
    made = bench(STACK, config, within=elsewhere(hidden), environment=environment)
    # What runs by itself is handed where the passphrase is, not the passphrase.
    (scratch / "passphrase").write_text(made.environment.pop("PULUMI_CONFIG_PASSPHRASE"))
    made.environment["PULUMI_CONFIG_PASSPHRASE_FILE"] = str(scratch / "passphrase")
    made.up()
    return made


def _launchctl(stack: Workbench, *words: str) -> subprocess.CompletedProcess[str]:
    command = [*stack.within, "launchctl", *words]
    return subprocess.run(command, env=stack.environment, capture_output=True, text=True, check=False)


def _agents(domain: Domain) -> set[str]:
    return {path.stem for path in (domain.home / "Library" / "LaunchAgents").glob("*")}


def _processes(stack: Workbench) -> list[psutil.Process]:
    """Those that work in, or are told of, the stack's directory."""
    found, root = [], str(stack.root)
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            words = [process.cwd(), *process.cmdline()]
            if any(word == root or f"{root}/" in word for word in words):
                found.append(process)
    return found


def test_nothing_is_left_to_do(stack: Workbench) -> None:
    settled(stack)


def test_the_plan_says_what_no_kernel_enforces(stack: Workbench) -> None:
    notes = plan(stack)["notes"]
    assert "launchd cannot enforce memory limits: what stays above its own is restarted" in notes
    assert "ollama: warned of in the watchdog's log above 4GiB, restarted above 5GiB" in notes
    assert any("at most 2 loaded, 2 requests each" in note for note in notes)


def test_programs_come_from_homebrew(stack: Workbench) -> None:
    for service in PORTS:
        record = json.loads((stack.root / "packages" / f"{service}.json").read_text())
        # The system's own Python is good enough for a program of the owner's.
        assert record["result"].endswith(" from brew") is (service != "gardener"), record


def test_every_service_is_an_agent_that_runs(stack: Workbench, domain: Domain) -> None:
    labels = {service: f"dev.hearth.{STACK}.{service}" for service in (*PORTS, *SCHEDULED)}
    assert _agents(domain) == set(labels.values())
    for service, label in labels.items():
        shown = _launchctl(stack, "print", f"gui/{USER}/{label}").stdout
        assert f"\n\tpath = {domain.home}/Library/LaunchAgents/{label}.plist" in shown
        assert service in SCHEDULED or "\n\tstate = running" in shown


def test_ollama_keeps_to_two_workers_and_two_models(stack: Workbench) -> None:
    (ollama,) = [found for found in _processes(stack) if found.cmdline()[1:] == ["serve"]]
    settings = ollama.environ()
    assert settings["OLLAMA_NUM_PARALLEL"] == settings["OLLAMA_MAX_LOADED_MODELS"] == "2"


def test_the_application_asks_the_model_and_keeps_what_was_said(stack: Workbench) -> None:
    address = f"http://127.0.0.1:{GARDENER}"
    assert httpx.get(f"{address}/healthz").text == "ok"
    # The smoke test made the model that it asks.
    smoke(stack)
    answer = httpx.post(f"{address}/ask", content=b"What is a plan?", timeout=60)
    assert answer.status_code == 200
    assert httpx.get(f"{address}/history").json()[-1] == ["What is a plan?", answer.text]


def test_redis_stores_and_finds(stack: Workbench) -> None:
    assert probes.redis_answers(REDIS, stack.secret("redis"))


def test_postgres_finds_the_nearest_vectors(stack: Workbench) -> None:
    assert probes.nearest(POSTGRES, stack.secret("postgres-app")) == [1, 2]


def test_a_prompt_is_answered_in_pieces_through_the_front_door(stack: Workbench) -> None:
    smoke(stack)
    assert len(probes.streamed_words(f"http://127.0.0.1:{NGINX}", probes.RANDOM_MODEL)) > 2


def test_everything_listens_on_loopback_alone(stack: Workbench) -> None:
    listening = {
        connection.laddr.ip
        for connection in psutil.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port in PORTS.values()
    }
    assert listening == {"127.0.0.1"}


def test_secrets_are_in_plain_text_nowhere(stack: Workbench, domain: Domain) -> None:
    assert leaks(stack, docker=False, units=[domain.home, Path(domain.env["LAUNCHCTL_STATE"])]) == []


def _held(stack: Workbench) -> dict[str, Any]:
    """What is kept in every service that keeps something."""
    cache = kept.cache(stack)
    with kept.database(stack) as connection:
        rows = connection.execute("SELECT t::text FROM notes t ORDER BY 1").fetchall()
    said = httpx.get(f"http://127.0.0.1:{GARDENER}/history").json()
    return {"keys": {key: cache.get(key) for key in sorted(cache.keys())}, "rows": rows, "said": said}


def test_everything_comes_back(stack: Workbench) -> None:
    before = _held(stack)
    assert all(before.values())
    ops(stack, "backup")
    (one,) = kept.listed(stack)
    assert {"redis", "postgres", "gardener"} <= set(one["services"])
    kept.cache(stack).flushall()
    with kept.database(stack) as connection:
        connection.execute("DROP TABLE notes")
    httpx.post(f"http://127.0.0.1:{GARDENER}/ask", content=b"And later?", timeout=60).raise_for_status()
    ops(stack, "restore", "--yes")
    assert _held(stack) == before
    kept.no_mess(stack)
    settled(stack)


@pytest.mark.long
def test_a_backup_is_made_at_its_time(stack: Workbench) -> None:
    path = stack.directory / f"Pulumi.{STACK}.yaml"
    file, before = path.read_text(), kept.listed(stack)[-1]["snapshot"]
    try:
        document = yaml.safe_load(file)
        soon = time.localtime(time.time() + 90)
        document["config"]["hearth:backup"]["schedule"] = time.strftime("%H:%M", soon)
        path.write_text(yaml.safe_dump(document))
        stack.up()
        # An agent that keeps the time looks at the clock every 30 s. Of a day the last one is kept.
        eventually(lambda: kept.listed(stack)[-1]["snapshot"] != before, 200)
    finally:
        path.write_text(file)
    stack.up()


def test_a_drill_passes_and_leaves_no_agent(stack: Workbench, domain: Domain) -> None:
    agents = _agents(domain)
    text = ops(stack, "drill", "--json").text
    drill = json.loads(text[text.index("\n{\n") :])
    facts = {one["service"]: one["facts"] for one in drill["services"]}
    # Of the gardener it is the tables of its SQLite file.
    assert all(facts[service] for service in ("redis", "postgres", "gardener"))
    assert _agents(domain) == agents
    assert not [one.cmdline() for one in _processes(stack) if "drill" in " ".join(one.cmdline())]


def test_another_password_counts_and_the_old_one_does_not(stack: Workbench) -> None:
    old = stack.secret("redis")
    ops(stack, "rotate", "redis")
    assert stack.secret("redis") != old
    assert kept.cache(stack).ping()
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(port=REDIS, password=old).ping()
    settled(stack)


def test_a_killed_process_comes_back(stack: Workbench) -> None:
    (before,) = [found for found in _processes(stack) if found.name() == "redis-server"]
    os.kill(before.pid, signal.SIGKILL)
    eventually(lambda: probes.redis_value(REDIS, stack.secret("redis")) == "kept")


def test_what_was_unloaded_by_hand_is_found_and_repaired(stack: Workbench) -> None:
    assert _launchctl(stack, "bootout", f"gui/{USER}/dev.hearth.{STACK}.redis").returncode == 0
    drift = [".venv/bin/python", "-m", "ops", "drift", "--stack", stack.stack]
    eventually(lambda: "not running" in stack.run(*drift, check=False).text)
    stack.run(*drift, "--repair")
    assert probes.redis_value(REDIS, stack.secret("redis")) == "kept"


def test_destroy_leaves_nothing_but_data(stack: Workbench, domain: Domain) -> None:
    password = stack.secret("redis")
    stack.destroy()
    assert _agents(domain) == set()
    assert [process.cmdline() for process in _processes(stack)] == []
    eventually(lambda: not list(Path(domain.env["LAUNCHCTL_STATE"]).glob("gui-*/*")))
    assert stack.secret("redis") == password
    assert (stack.root / "redis" / "data").is_dir()
