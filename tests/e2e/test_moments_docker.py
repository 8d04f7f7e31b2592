"""In containers: requests counted from what nginx prints, and a moment of PostgreSQL from its archive volume."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import docker
import httpx
import pytest
from docker.models.containers import Container

from tests.e2e.image import POSTGRES, image
from tests.e2e.kept import ops
from tests.e2e.leaks import leaks
from tests.e2e.story import eventually, settled
from tests.e2e.workbench import PROJECT, Workbench

pytestmark = pytest.mark.long

FRONT = 61530
STACK = "momentbox"
CONFIG: dict[str, Any] = {
    "runtime": "docker",
    "host": {"reserve": "512MiB"},
    "backup": {"schedule": None},
    "services": {
        "nginx": {"port": FRONT},
        "mtail": {},
        "site": {"type": "frontend", "directory": str(PROJECT / "examples" / "frontend")},
        "postgres": {"memory": "256MiB", "version": POSTGRES, "point-in-time": {"lose": "5s"}},
    },
}


@pytest.fixture(scope="module")
def stack(bench: Callable[..., Workbench], containers: str) -> Workbench:
    """The stack, up, with a whole copy in the archive."""
    made = bench(STACK, CONFIG | {"images": dict.fromkeys(CONFIG["services"], image("mtail", "pgbackrest"))})
    made.up()
    return made


def container(service: str) -> Container:
    return docker.from_env().containers.get(f"{STACK}-{service}")


def said(service: str, *argv: str) -> str:
    done = container(service).exec_run(list(argv))
    assert done.exit_code == 0, done.output
    return done.output.decode()


def sql(statement: str) -> str:
    return said("postgres", "psql", "-X", "-At", "-U", "postgres", "-d", "app", "-c", statement)


def moment() -> str:
    """Now, with a second without any change on either side."""
    time.sleep(1)
    now = datetime.now(UTC).isoformat()
    time.sleep(1)
    return now


def test_requests_are_counted_from_what_nginx_prints(stack: Workbench) -> None:
    for _ in range(5):
        assert httpx.get(f"http://127.0.0.1:{FRONT}/").status_code == 200
    wanted = 'nginx_requests_by_service_total{service="site",status="2xx"} 5'
    eventually(lambda: wanted in said("mtail", "curl", "-s", "http://127.0.0.1:3903/metrics"))


def test_a_moment_comes_back_from_the_archive_volume(stack: Workbench) -> None:
    sql("CREATE TABLE things AS SELECT i FROM generate_series(1, 1000) i")
    ops(stack, "backup")
    sql("INSERT INTO things VALUES (2000)")
    at = moment()
    sql("DELETE FROM things")
    ops(stack, "restore", "postgres", "--at", at, "--yes")
    assert sql("SELECT count(*), max(i) FROM things") == "1001|2000\n"
    assert "was brought to a moment and read" in ops(stack, "drill").text
    assert sql("SELECT count(*) FROM things") == "1001\n"


def test_an_archive_that_does_not_reach_so_far_changes_nothing(stack: Workbench) -> None:
    before = sql("SELECT count(*) FROM things")
    refused = ops(stack, "restore", "postgres", "--at", "2020-01-01", "--yes", check=False)
    assert refused.status == 1
    assert "its archive begins at" in refused.text
    assert sql("SELECT count(*) FROM things") == before


def test_no_secret_is_in_plain_text(stack: Workbench) -> None:
    assert leaks(stack, docker=True) == []


def test_nothing_is_left_to_do(stack: Workbench) -> None:
    settled(stack)
