"""The second day of services of a swarm: whatever is stopped comes back as another container."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import docker
import pytest
from docker.models.containers import Container
from support.swarm import one_node

from host.containers import swarm
from tests.e2e import kept, writers
from tests.e2e.broken_image import broken_image
from tests.e2e.image import POSTGRES
from tests.e2e.kept import ops
from tests.e2e.leaks import leaks
from tests.e2e.story import eventually, settled
from tests.e2e.workbench import Workbench

STACK = "swarmkept"
ROWS, KEYS = 5_000, 300
BROKEN = "hearth-test/broken-in-a-swarm:9"
CONFIG: dict[str, Any] = {
    "runtime": "swarm",
    "host": {"reserve": "512MiB"},
    "backup": {"schedule": None},
    "services": {
        "redis": {"memory": "128MiB"},
        "postgres": {"memory": "256MiB", "version": POSTGRES},
        "alertmanager": {},
    },
}
FILL = f"""
CREATE TABLE things (id serial PRIMARY KEY, what text, v vector(3));
INSERT INTO things (what, v) SELECT md5(i::text) || E'\\t\\\\ line\\n', ARRAY[i, i / 2.0, 1]::vector(3)
    FROM generate_series(1, {ROWS}) i;
"""


@pytest.fixture(scope="module")
def client(containers: str) -> docker.DockerClient:
    """Of a daemon that manages a swarm."""
    CONFIG["images"] = dict.fromkeys(CONFIG["services"], containers)
    return one_node()


@pytest.fixture(scope="module")
def stack(client: docker.DockerClient, bench: Callable[..., Workbench]) -> Workbench:
    """The stack, up, with data of every kind, and one backup of it."""
    made = bench(STACK, CONFIG)
    CONFIG["data"] = str(made.root)
    made.up()
    kept.quick(made)
    sql(FILL)
    for number in range(KEYS):
        cache(made, "set", f"text:{number}", f"value {number}")
    silences = "http://127.0.0.1:9093/api/v2/silences"
    words = ["curl", "-sSf", "-H", "Content-Type: application/json", "-d", json.dumps(kept.SILENCE), silences]
    said(container("alertmanager"), *words)
    assert "complete" in ops(made, "backup").text
    return made


@pytest.fixture(scope="module")
def before(stack: Workbench) -> dict[str, Any]:
    """What it holds."""
    return contents(stack)


def container(service: str) -> Container:
    """That of the one task of a service."""
    (found,) = swarm.containers(docker.from_env(), f"{STACK}-{service}")
    return found


def said(inside: Container, *words: str, **environment: str) -> str:
    code, output = inside.exec_run(list(words), environment=environment)
    assert code == 0, output
    return output.decode()


def sql(text: str) -> str:
    words = ("psql", "-X", "-qAt", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", "app", "-c", text)
    return said(container("postgres"), *words)


def lets_in(role: str, password: str) -> bool:
    words = ["psql", "-h", "127.0.0.1", "-U", role, "-d", "app", "-Atc", "SELECT 1"]
    return container("postgres").exec_run(words, environment={"PGPASSWORD": password}).exit_code == 0


def cache(stack: Workbench, *words: str) -> str:
    return said(container("redis"), "redis-cli", "-e", *words, REDISCLI_AUTH=stack.secret("redis")).strip()


def contents(stack: Workbench) -> dict[str, Any]:
    silences = said(container("alertmanager"), "curl", "-sSf", "http://127.0.0.1:9093/api/v2/silences")
    keys = sorted(cache(stack, "keys", "*").split())
    return {
        "rows": sql("SELECT t::text FROM things t ORDER BY 1"),
        "keys": dict(zip(keys, cache(stack, "mget", *keys).splitlines(), strict=True)),
        "silences": [(one["id"], one["comment"]) for one in json.loads(silences)],
    }


def spoil(stack: Workbench) -> None:
    sql("DELETE FROM things WHERE id % 3 = 0; CREATE TABLE later (x int)")
    cache(stack, "flushall")
    cache(stack, "set", "later", "x")


def test_everything_comes_back_and_pulumi_sees_nothing_of_it(
    stack: Workbench, client: docker.DockerClient, before: dict[str, Any]
) -> None:
    assert len(before["rows"].splitlines()) >= ROWS and len(before["keys"]) == KEYS
    assert before["silences"]
    described = {name: client.services.get(f"{STACK}-{name}").attrs["Spec"] for name in CONFIG["services"]}
    spoil(stack)
    assert contents(stack) != before
    ops(stack, "restore", "--yes")
    assert contents(stack) == before
    assert "later" not in sql("SELECT tablename FROM pg_tables")
    assert described == {name: client.services.get(f"{STACK}-{name}").attrs["Spec"] for name in described}
    settled(stack)
    kept.no_mess(stack)


def test_a_drill_passes_and_leaves_nothing(stack: Workbench, client: docker.DockerClient) -> None:
    text = ops(stack, "drill", "--json").text
    drill = json.loads(text[text.index("\n{\n") :])
    print(drill)
    assert {one["service"] for one in drill["services"]} == set(CONFIG["services"])
    label = {"label": f"hearth.stack={STACK}-drill"}
    for kind in (client.services, client.networks, client.volumes, client.secrets):
        assert kind.list(filters=label) == []
    assert client.containers.list(all=True, filters=label) == []


@pytest.mark.parametrize(
    "mark",
    [
        pytest.param("postgres: stopping", marks=pytest.mark.long),
        "postgres: starting with what was stored",
    ],
)
def test_what_a_kill_leaves_is_put_right_by_the_next_run(
    stack: Workbench, before: dict[str, Any], mark: str
) -> None:
    kept.killed(stack, mark, 0.2, "restore", "postgres", "--yes")
    ops(stack, "backup")
    assert contents(stack) == before
    kept.no_mess(stack)


def test_a_service_that_was_scaled_down_is_found_and_runs_again(
    stack: Workbench, client: docker.DockerClient
) -> None:
    swarm.scale(client, f"{STACK}-redis", 0)
    eventually(lambda: swarm.containers(client, f"{STACK}-redis") == [])
    found = ops(stack, "drift", check=False)
    assert found.status == 1 and f"service {STACK}-redis" in found.text
    ops(stack, "drift", "--repair")
    assert eventually(lambda: cache(stack, "dbsize")) == str(KEYS)


@pytest.mark.long
def test_another_value_of_a_secret_counts_and_the_old_one_does_not(
    stack: Workbench, before: dict[str, Any]
) -> None:
    old = stack.secret("redis"), stack.secret("postgres-app")
    assert lets_in("app", old[1])
    assert "redis: would start again with it" in ops(stack, "rotate", "redis", "--dry-run").text
    for name in ("redis", "postgres-app"):
        ops(stack, "rotate", name)
    assert not {stack.secret("redis"), stack.secret("postgres-app")} & set(old)
    refused = container("redis").exec_run(["redis-cli", "-e", "ping"], environment={"REDISCLI_AUTH": old[0]})
    assert b"WRONGPASS" in refused.output or b"NOAUTH" in refused.output
    assert lets_in("app-b", stack.secret("postgres-app"))
    assert not lets_in("app", old[1])
    assert contents(stack) == before
    settled(stack)
    assert leaks(stack, docker=True) == []


@pytest.fixture(scope="module")
def broken(containers: str) -> Iterator[str]:
    """A newer image, whose Redis does not start."""
    with broken_image(containers, BROKEN) as made:
        yield made


@pytest.mark.long
def test_after_a_failing_upgrade_the_old_image_runs_again(
    stack: Workbench, before: dict[str, Any], broken: str
) -> None:
    image = container("redis").attrs["Image"]
    ops(stack, "lock")
    stack.up()
    stack.configure({**CONFIG, "images": {**CONFIG["images"], "redis": broken}})
    with writers.writing(lambda number: cache(stack, "sadd", "load", str(number))) as (written,):
        failed = ops(stack, "upgrade", check=False)
    assert failed.status == 1, failed.text
    assert failed.text.splitlines()[-1].endswith("everything is as it was, and answers")
    print(f"\nfailing upgrade: Redis did not answer for {written.downtime:.1f} s")
    assert container("redis").attrs["Image"] == image
    assert 0 <= int(cache(stack, "scard", "load")) - written.acknowledged <= 1
    cache(stack, "del", "load")
    assert contents(stack) == before
    stack.configure(CONFIG)
    stack.assert_nothing_to_do()
