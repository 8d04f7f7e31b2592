"""Programs of the owner's own, for real: replicas behind the front door, queues, jobs, and what is lost."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import psutil
import pymongo
import pytest
import redis

from tests import standins
from tests.e2e.leaks import leaks
from tests.e2e.story import eventually, settled, touched_by, with_setting
from tests.e2e.workbench import PROJECT, Workbench

REDIS, POSTGRES, NGINX, API, SITE, MONGODB = 63379, 63432, 63080, 63000, 63300, 63017
EXAMPLES = PROJECT / "examples"
TICK = """import os, pathlib, time
with (pathlib.Path(os.environ["DATA_DIR"]) / "ticks").open("a") as file:
    file.write(f"{time.time()}\\n")
time.sleep(1)
print("ticked")
"""


def config(tick: Path) -> dict[str, object]:
    worker = {"directory": str(EXAMPLES / "worker"), "uses": ["redis"], "broker": "redis", "memory": "192MiB"}
    return {
        "runtime": "supervisord",
        "host": {"reserve": "512MiB"},
        "services": {
            "redis": {"port": REDIS, "memory": "64MiB"},
            "postgres": {"port": POSTGRES, "memory": "256MiB", "max-connections": 20},
            "nginx": {"port": NGINX, "cache": "8MiB"},
            "api": {
                "directory": str(EXAMPLES / "api"),
                "port": API,
                "replicas": 2,
                "workers": 1,
                "memory": "160MiB",
                "uses": ["redis", "postgres"],
                "database": "shop",
                "route": "/api/",
                "pool-size": 2,
            },
            # The longest task of these tests takes 3 s.
            "worker": {**worker, "queues": ["default", "high"], "concurrency": 2, "lost-after": "5s"},
            "slow": {**worker, "type": "worker", "queues": ["batched"], "concurrency": 1},
            "agents": {
                "type": "agent",
                "directory": str(EXAMPLES / "agent"),
                "requirements": "requirements.txt",
                "replicas": 2,
                "memory": "64MiB",
                "uses": ["redis"],
            },
            "site": {"type": "frontend", "directory": str(EXAMPLES / "frontend"), "port": SITE},
            "mongodb": {"port": MONGODB},
            "etl": {
                "type": "cronjob",
                "directory": str(EXAMPLES / "etl"),
                "requirements": "requirements.txt",
                "schedule": "0 2 * * *",
                "uses": ["redis"],
                # What stands in for MongoDB knows no accounts.
                "env": {"MONGODB_URL": f"mongodb://127.0.0.1:{MONGODB}/app"},
                "data": True,
            },
            "tick": {"type": "cronjob", "directory": str(tick), "schedule": "* * * * *", "data": True},
        },
    }


@pytest.fixture(scope="module")
def tick(scratch: Path) -> Path:
    """A job of the owner's."""
    directory = scratch / "tick"
    directory.mkdir()
    (directory / "main.py").write_text(TICK)
    return directory


@pytest.fixture(scope="module")
def stack(bench: Callable[..., Workbench], tick: Path, scratch: Path) -> Workbench:
    """The stack, up."""
    # FerretDB stands in for MongoDB, which package registries do not have.
    standins.lay_out(scratch / "standins")
    made = bench("owners", config(tick))
    made.environment["PATH"] = f"{scratch / 'standins'}:{made.environment['PATH']}"
    made.up()
    return made


@pytest.fixture(scope="module")
def cache(stack: Workbench) -> redis.Redis:
    return redis.Redis(port=REDIS, password=stack.secret("redis"), decode_responses=True)


@pytest.fixture
def journal(cache: redis.Redis) -> Callable[[], list[str]]:
    """What the tasks say that they have done: ``NAME start|end PROCESS``."""
    cache.delete("journal")
    return lambda: cache.lrange("journal", 0, -1)


def api(path: str, **body: object) -> httpx.Response:
    url = f"http://127.0.0.1:{NGINX}/api{path}"
    answer = httpx.post(url, json=body) if body else httpx.get(url)
    answer.raise_for_status()
    return answer


def main_process(stack: Workbench, service: str) -> psutil.Process:
    """The oldest process whose arguments name the service's launcher."""
    found = [
        process
        for process in psutil.process_iter(["cmdline", "create_time"])
        if f"{stack.root}/{service}/config/start.py" in (process.info["cmdline"] or [])
    ]
    return min(found, key=lambda process: process.info["create_time"])


# The front door -----------------------------------------------------------------------------------


def test_both_replicas_answer_behind_one_route(stack: Workbench) -> None:
    ports = {api("/").json()["port"] for _ in range(20)}
    assert ports == {str(API), str(API + 1)}


def test_an_answer_that_may_be_kept_is_given_again_and_no_other(stack: Workbench) -> None:
    first, second = api("/motto"), api("/motto")
    assert (first.headers["X-Cache-Status"], second.headers["X-Cache-Status"]) == ("MISS", "HIT")
    assert second.json() == first.json()
    assert api("/").json()["visits"] < api("/").json()["visits"]


def test_a_request_reaches_the_other_replica_while_one_hangs_up(stack: Workbench) -> None:
    main = main_process(stack, "api-1")
    main.suspend()
    for child in main.children():
        child.kill()
    main.send_signal(signal.SIGKILL)
    for _ in range(10):
        assert api("/").status_code == 200
    eventually(lambda: {api("/").json()["port"] for _ in range(10)} == {str(API), str(API + 1)})


def test_the_api_keeps_notes_in_a_database_of_its_own(stack: Workbench) -> None:
    assert api("/notes", text="bread").json() == ["bread"]
    assert api("/notes").json() == ["bread"]


def test_the_page_is_served_and_knows_its_own_paths(stack: Workbench) -> None:
    for path in ("/", "/some/page"):
        answer = httpx.get(f"http://127.0.0.1:{NGINX}{path}")
        assert answer.status_code == 200
        assert "<title>Hearth</title>" in answer.text
    assert httpx.get(f"http://127.0.0.1:{NGINX}/app.js").headers["content-type"].startswith("text/javascript")


# Queues -------------------------------------------------------------------------------------------


def test_a_task_given_to_the_api_is_done_by_the_worker(
    stack: Workbench, journal: Callable[[], list[str]]
) -> None:
    assert api("/tasks/email.send", to="ann").json()["id"]
    eventually(
        lambda: [line.split()[:2] for line in journal()] == [["mail:ann", "start"], ["mail:ann", "end"]]
    )


@pytest.mark.parametrize("whole", [False, True], ids=["process-of-the-pool", "whole-worker"])
def test_the_task_of_a_killed_worker_is_done_again_to_its_end(
    stack: Workbench, cache: redis.Redis, journal: Callable[[], list[str]], whole: bool
) -> None:
    api("/tasks/email.send", to="bob", seconds=2)
    (first,) = eventually(journal)
    pid = int(first.split()[-1])
    main = main_process(stack, "worker")
    assert pid in {child.pid for child in main.children(recursive=True)}
    # In the middle of the task, and before it could say anything.
    if whole:
        doomed = [*main.children(recursive=True), main]
        main.suspend()
        for process in reversed(doomed):
            process.kill()
    else:
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: any(line.startswith("mail:bob end") for line in journal()), seconds=90)
    # Nothing is left that could be done a third time.
    eventually(lambda: not cache.exists("unacked.worker", "default"))
    said = [line.split() for line in journal()]
    assert [step for _, step, _ in said] == ["start", "start", "end"]
    assert said[0][2] != said[1][2] == said[2][2]


def test_the_slow_queue_does_one_task_after_another(
    stack: Workbench, journal: Callable[[], list[str]]
) -> None:
    for number in range(2):
        api("/tasks/email.send", to=str(number), seconds=3)
    for number in range(3):
        api("/tasks/ai.summarise", text=str(number), seconds=0.3)
    eventually(lambda: len(journal()) == 10)
    steps = [line.split()[:2] for line in journal()]
    assert [step for name, step in steps if name.startswith("ai:")] == ["start", "end"] * 3
    # Mail goes on meanwhile, two at once.
    assert [step for name, step in steps if name.startswith("mail:")] == ["start", "start", "end", "end"]


# Agents and jobs ----------------------------------------------------------------------------------


def test_every_agent_takes_work(stack: Workbench, cache: redis.Redis) -> None:
    def workers() -> set[str]:
        cache.delete("agents:answered")
        cache.rpush("agents:asked", *range(20))
        eventually(lambda: cache.llen("agents:answered") == 20)
        return {line.split()[-1] for line in cache.lrange("agents:answered", 0, -1)}

    eventually(lambda: len(workers()) == 2)
    assert {row["service"] for row in stack.outputs()["plan"]["services"]} >= {"agents-1", "agents-2"}


def ticks(stack: Workbench) -> list[float]:
    path = stack.root / "tick" / "data" / "ticks"
    return [float(line) for line in path.read_text().split()] if path.exists() else []


def test_a_job_runs_at_once_when_asked_and_says_how_it_went(stack: Workbench) -> None:
    before = len(ticks(stack))
    run = stack.run(".venv/bin/python", "-m", "ops", "run", "tick", "--stack", stack.stack)
    assert "tick: ended well after" in run.text
    assert len(ticks(stack)) > before
    record = json.loads((stack.root / "tick" / "data" / "last-run.json").read_text())
    assert record["exit"] == 0
    assert record["seconds"] >= 1
    assert abs(record["started"] - ticks(stack)[-1]) < 2


def test_a_job_runs_on_the_minute(stack: Workbench) -> None:
    before = len(ticks(stack))
    eventually(lambda: any(tick % 60 < 3 for tick in ticks(stack)[before:]), seconds=70)


def test_the_nightly_pipeline_goes_from_documents_to_figures(stack: Workbench, cache: redis.Redis) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    with pymongo.MongoClient(port=MONGODB) as client:
        client["app"]["responses"].drop()
        client["app"]["responses"].insert_many(
            {"user": user, "text": text, "at": at}
            for user, text, at in (
                ("ann", "four", yesterday),
                ("ann", "sixsix", yesterday),
                ("bob", "ten letters", yesterday),
                ("bob", "of another day", yesterday - timedelta(days=3)),
            )
        )
    run = stack.run(".venv/bin/python", "-m", "ops", "run", "etl", "--stack", stack.stack)
    assert "etl: ended well after" in run.text
    figures = json.loads(cache.get(f"figures:{yesterday.date()}"))
    assert figures["responses"] == 3
    assert figures["average_length_by_user"] == {"ann": 5.0, "bob": 11.0}
    assert (stack.root / "etl" / "data" / f"{yesterday.date()}.parquet").exists()


def test_what_has_no_schedule_is_not_run(stack: Workbench) -> None:
    run = stack.run(".venv/bin/python", "-m", "ops", "run", "site", "--stack", stack.stack, check=False)
    assert run.status != 0
    assert "those that do: " in run.text
    assert "tick" in run.text.partition("those that do: ")[2]


# Changes ------------------------------------------------------------------------------------------


def test_no_secret_is_in_plain_text(stack: Workbench) -> None:
    assert leaks(stack, docker=False) == []


def test_no_secret_is_in_the_environment_that_a_process_was_started_with(stack: Workbench) -> None:
    secrets = {stack.secret(name) for name in ("redis", "postgres-shop")}
    for service in ("api-1", "worker", "agents-1"):
        started = Path(f"/proc/{main_process(stack, service).pid}/environ").read_text()
        assert "REDIS_URL_FILE=" in started
        assert not any(secret in started for secret in secrets)


def test_nothing_is_left_to_do(stack: Workbench) -> None:
    settled(stack)
    assert stack.run(".venv/bin/python", "-m", "ops", "drift", "--stack", stack.stack).status == 0


def test_another_source_is_another_copy_and_restarts_what_reads_it(stack: Workbench, tick: Path) -> None:
    (tick / "main.py").write_text(TICK.replace("ticked", "ticked again"))
    assert touched_by(stack, stack_config(tick)) == {"tick-source", "tick"}
    stack.up()
    run = stack.run(".venv/bin/python", "-m", "ops", "run", "tick", "--stack", stack.stack)
    assert run.status == 0
    assert "ticked again" in (stack.root / "tick" / "log" / "tick.log").read_text()


def test_a_program_that_does_not_start_leaves_the_one_before(stack: Workbench, tick: Path) -> None:
    stack.configure(with_setting(stack_config(tick), "agents", script="missing.py"))
    failed = stack.up(check=False)
    assert failed.status != 0
    assert "The previous configuration is serving again." in failed.text
    stack.configure(stack_config(tick))
    stack.up()
    settled(stack)


def stack_config(tick: Path) -> dict[str, object]:
    return {"data": str(tick.parent / "owners"), **config(tick)}
