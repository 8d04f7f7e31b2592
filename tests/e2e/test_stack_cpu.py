"""The stack file of the backend without a GPU, its programs as processes of this machine.

What differs: ports; models with random weights, for no hub is in reach; and FerretDB in MongoDB's place
(``tests.standins``), which the job must be told to greet in another way.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import pymongo
import pytest
import redis
from support import onnx_model

from ops import random_model
from tests import standins
from tests.e2e.leaks import leaks
from tests.e2e.processes import hanging, processes
from tests.e2e.stack_files import Watched, native, planned, port
from tests.e2e.story import eventually, plan, settled
from tests.e2e.workbench import Workbench

STACK = "cpu"
# Which worker takes what, as the owners' document has it.
QUEUES = {
    "high": "worker-high",
    "default": "worker-high",
    "low": "worker-low",
    "batched": "worker-slow",
}
SEND = "import sys, json, os; from celery import Celery; name, queue, body = sys.argv[1:]; Celery(broker=os.environ['BROKER']).send_task(name, kwargs=json.loads(body), queue=queue)"


@pytest.fixture(scope="module")
def programs(scratch: Path) -> Path:
    standins.lay_out(scratch / "standins")
    return scratch / "standins"


@pytest.fixture(scope="module")
def config(programs: Path, scratch: Path) -> dict[str, Any]:
    """The stack file as it is, but for what the first lines say, and figures that come every second."""
    made = native(STACK, 64201, runtime={"runtime": "supervisord"}, programs=programs)
    services = made["services"]
    language = scratch / "random.gguf"
    language.write_bytes(random_model.content())
    services["llama-cpp"] |= {"model": str(language), "context-length": 512, "weights": "1MiB"}
    services["embeddings"] |= {"model": "tiny"}
    services["prometheus"] |= {"interval": "1s", "patience": "2s"}
    services["alertmanager"] |= {"group-wait": "0s"}
    # The longest task of these tests takes 2 s.
    services["worker-high"] |= {"lost-after": "5s"}
    return made


@pytest.fixture(scope="module")
def stack(bench: Callable[..., Workbench], config: dict[str, Any], programs: Path) -> Workbench:
    """The stack, up."""
    made = bench(STACK, config)
    made.environment["PATH"] = f"{programs}:{made.environment['PATH']}"
    job = made.directory / "examples" / "etl" / "main.py"
    greeting = 'os.environ["MONGODB_URL"]'
    assert greeting in job.read_text()
    job.write_text(job.read_text().replace(greeting, f'{greeting}, authMechanism="PLAIN"'))
    onnx_model.write(made.root / "embeddings" / "data" / "tiny")
    made.up()
    return made


@pytest.fixture(scope="module")
def cache(config: dict[str, Any], stack: Workbench) -> redis.Redis:
    return redis.Redis(port=port(config, "redis"), password=stack.secret("redis"), decode_responses=True)


@pytest.fixture(scope="module")
def door(config: dict[str, Any]) -> str:
    return f"http://127.0.0.1:{port(config, 'nginx')}"


@pytest.fixture(scope="module")
def watched(config: dict[str, Any], stack: Workbench) -> Watched:
    return Watched(*(f"http://127.0.0.1:{port(config, name)}" for name in ("prometheus", "alertmanager")))


@pytest.fixture
def journal(cache: redis.Redis) -> Callable[[], list[list[str]]]:
    """What the tasks say that they have done: name, start or end, process."""
    cache.delete("journal")
    return lambda: [line.split() for line in cache.lrange("journal", 0, -1)]


def pids(stack: Workbench, service: str) -> set[int]:
    return {process.pid for process in processes(stack, service)}


def test_nothing_is_left_to_do(stack: Workbench) -> None:
    settled(stack)


def test_the_api_answers_behind_the_door_with_two_processes_a_core_and_one(
    stack: Workbench, door: str
) -> None:
    assert httpx.get(f"{door}/api/").json()["visits"] > 0
    # Half a core counts as one; the first process only looks after the others.
    assert len(processes(stack, "api")) == 2 * 1 + 1 + 1


@pytest.mark.parametrize("queue", QUEUES)
def test_each_worker_takes_its_own_queue(
    stack: Workbench,
    config: dict[str, Any],
    journal: Callable[[], list[list[str]]],
    queue: str,
) -> None:
    python = f"{stack.root}/bin/{QUEUES[queue]}-python"
    broker = f"redis://:{stack.secret('redis')}@127.0.0.1:{port(config, 'redis')}"
    body = json.dumps({"to": queue, "seconds": 0})
    argv = [python, "-c", SEND, "task.email.send", queue, body]
    subprocess.run(argv, env={"BROKER": broker}, check=True)
    said = eventually(lambda: found if len(found := journal()) == 2 else None)
    assert [(name, step) for name, step, _ in said] == [(f"mail:{queue}", "start"), (f"mail:{queue}", "end")]
    assert {int(pid) for _, _, pid in said} <= pids(stack, QUEUES[queue])


def test_what_asks_the_model_is_done_one_after_another(
    stack: Workbench, door: str, journal: Callable[[], list[list[str]]]
) -> None:
    for number in range(3):
        httpx.post(f"{door}/api/tasks/ai.summarise", json={"text": str(number), "seconds": 0.2})
    said = eventually(lambda: found if len(found := journal()) == 6 else None)
    assert [step for _, step, _ in said] == ["start", "end"] * 3
    assert {int(pid) for _, _, pid in said} <= pids(stack, "worker-slow")


def test_the_task_of_a_worker_killed_in_its_middle_is_done_again(
    stack: Workbench, door: str, journal: Callable[[], list[list[str]]]
) -> None:
    httpx.post(f"{door}/api/tasks/email.send", json={"to": "bob", "seconds": 2})
    ((_, _, first),) = eventually(journal)
    doomed = processes(stack, "worker-high")
    assert int(first) in {process.pid for process in doomed}
    for process in doomed:
        process.suspend()
    for process in doomed:
        process.kill()
    eventually(lambda: [step for _, step, _ in journal()] == ["start", "start", "end"], seconds=60)
    assert len({pid for _, _, pid in journal()}) == 2


def test_yesterday_s_documents_become_figures(
    stack: Workbench, config: dict[str, Any], cache: redis.Redis
) -> None:
    today = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    yesterday = today - timedelta(days=1)
    documents = [
        {"user": "ann", "text": "four", "at": yesterday},
        {"user": "ann", "text": "eightabc", "at": yesterday},
        {"user": "bob", "text": "xx", "at": yesterday},
        {"user": "eve", "text": "not yet", "at": today},
    ]
    with pymongo.MongoClient("127.0.0.1", port(config, "mongodb")) as client:
        (database,) = config["services"]["mongodb"].get("databases", ["app"])
        client[database].responses.insert_many(documents)
    run = stack.run(".venv/bin/python", "-m", "ops", "run", "etl", "--stack", STACK)
    assert "etl: ended well" in run.text
    day = yesterday.date()
    assert json.loads(cache.get(f"figures:{day}")) == {
        "responses": 3, "users": 2, "average_length_by_user": {"ann": 6.0, "bob": 2.0},
    }  # fmt: skip
    assert (stack.root / "etl" / "data" / f"{day}.parquet").is_file()


def test_models_answer_behind_the_door(stack: Workbench, door: str) -> None:
    body = {"prompt": "once", "n_predict": 8, "ignore_eos": True}
    assert httpx.post(f"{door}/llama/completion", json=body, timeout=60).json()["tokens_predicted"] == 8
    answer = httpx.post(f"{door}/embeddings/v1/embeddings", json={"input": ["red blue"]}, timeout=60).json()
    np.testing.assert_allclose(answer["data"][0]["embedding"], onnx_model.expected("red blue"), atol=1e-5)


def test_every_job_is_up_and_every_service_answers_its_probe(stack: Workbench, watched: Watched) -> None:
    eventually(lambda: watched.down() == set(), seconds=60)
    eventually(lambda: watched.series("probe_success"))
    eventually(lambda: all(value == 1 for _, value in watched.series("probe_success")))


def test_a_part_that_hangs_is_an_alert_until_it_answers_again(stack: Workbench, watched: Watched) -> None:
    eventually(lambda: "ServiceDown" not in watched.alerts("api"))
    with hanging(stack, "api"):
        eventually(lambda: "ServiceDown" in watched.alerts("api"), seconds=60)
    eventually(lambda: "ServiceDown" not in watched.alerts("api"), seconds=60)


def test_numbers_are_those_of_the_stack_file(stack: Workbench, config: dict[str, Any]) -> None:
    made = plan(stack)
    rows = {row["service"]: row for row in made["services"]}
    assert {spec.name for spec in planned(config).services} == set(rows)
    for service, row in rows.items():
        used = sum(process.memory_info().rss for process in processes(stack, service)) / 1024**2
        print(f"{service}: {used:.0f} MiB of {row['memory']}")
    assert {rows[name]["memory"] for name in ("api", "worker-high", "worker-low", "worker-slow")} == {
        "512MiB"
    }
    assert not any("monitoring may take more" in note for note in made["notes"])


def test_monitoring_takes_what_it_was_promised_to(stack: Workbench, config: dict[str, Any]) -> None:
    seen = [spec for spec in planned(config).services if "monitoring" in spec.networks]
    used = sum(found.memory_info().rss for spec in seen for found in processes(stack, spec.name))
    assert used < 0.05 * psutil.virtual_memory().total


def test_no_secret_is_in_plain_text(stack: Workbench) -> None:
    assert leaks(stack, docker=False) == []


def test_destroy_leaves_nothing_but_data(stack: Workbench) -> None:
    stack.destroy()
    assert [found for service in stack.root.iterdir() for found in processes(stack, service.name)] == []
    assert list((stack.root / "etl" / "data").glob("*.parquet"))
