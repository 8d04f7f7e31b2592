"""The front page and health in containers: what the daemon says, shown by nginx in one, and data looked at inside."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docker
import httpx
import pytest

from tests.e2e.story import eventually, settled
from tests.e2e.workbench import Workbench

pytestmark = pytest.mark.long

NGINX, STACK, SECONDS = 61440, "looked-at", 90
DOOR = f"http://127.0.0.1:{NGINX}"
KEEPER = """
import os, sqlite3, time
with sqlite3.connect(os.environ["DATA_DIR"] + "/notes.db") as notes:
    notes.execute("CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, text UNIQUE)")
    notes.executemany("INSERT OR IGNORE INTO notes VALUES (?, ?)", ((i, f"note {i} " * 20) for i in range(2000)))
notes.close()
eaten = []
while True:
    if os.path.exists(os.environ["DATA_DIR"] + "/hungry") and not eaten:
        eaten.append(os.urandom(212 * 1024**2))
    time.sleep(0.2)
"""


@pytest.fixture(scope="module")
def stack(bench: Callable[..., Workbench], containers: str, scratch: Path) -> Workbench:
    """The stack, up."""
    (scratch / "keeper").mkdir()
    (scratch / "keeper" / "main.py").write_text(KEEPER)
    services: dict[str, Any] = {
        "nginx": {"port": NGINX},
        "keeper": {"type": "agent", "directory": str(scratch / "keeper"), "data": True, "memory": "256MiB"},
        "redis": {"memory": "64MiB"},
    }
    made = bench(
        STACK,
        {
            "runtime": "docker",
            "host": {"reserve": "512MiB"},
            # What this machine's processors do is nobody's fault here.
            "health": {"interval": "3s", "integrity": "1s", "cpu": 100},
            "services": services,
            "images": dict.fromkeys(services, containers),
        },
    )
    made.up()
    return made


def _shown() -> dict[str, Any]:
    return httpx.get(f"{DOOR}/status.json").json()


def _events(stack: Workbench) -> list[tuple[str, str, str]]:
    lines = [json.loads(line) for line in (stack.root / "watch" / "health.log").read_text().splitlines()]
    return [(one["event"], one["kind"], one["subject"]) for one in lines if one["event"] != "look"]


def _inside(service: str, script: str) -> None:
    container = docker.from_env().containers.get(f"{STACK}-{service}")
    code, output = container.exec_run(["python3", "-c", script])
    assert code == 0, output


def test_nginx_shows_what_the_daemon_says(stack: Workbench) -> None:
    eventually(lambda: [one["state"] for one in _shown()["services"]] == ["answers"] * 3, SECONDS)
    rows = {one["service"]: one for one in _shown()["services"]}
    assert rows["keeper"]["limit"] == 256 * 1024**2 and rows["keeper"]["memory"] > 1024**2
    assert {one["restarts"] for one in rows.values()} == {0}
    assert "services answer" in httpx.get(DOOR).text
    settled(stack)


def test_its_directory_is_the_deployers_and_the_container_only_reads_it(stack: Workbench) -> None:
    page = stack.root / "watch" / "page"
    assert (page.stat().st_uid, page.stat().st_mode & 0o777) == (os.geteuid(), 0o755)
    nginx = docker.from_env().containers.get(f"{STACK}-nginx")
    (mount,) = [one for one in nginx.attrs["Mounts"] if one["Type"] == "bind"]
    assert (mount["Source"], mount["RW"]) == (str(page), False)


def test_data_in_containers_are_looked_into(stack: Workbench) -> None:
    known = eventually(
        lambda: json.loads((stack.root / "watch" / "health.json").read_text())["data"], SECONDS
    )
    assert known["keeper"]["databases"] == ["/var/lib/hearth/notes.db"] and not known["keeper"]["unchecked"]
    assert known["redis"]["problems"] == [] and _events(stack) == []


def test_memory_and_damage_are_told_of_and_a_container_that_is_gone(stack: Workbench) -> None:
    data = "import os; path = '/var/lib/hearth/'\n"
    _inside("keeper", data + "open(path + 'hungry', 'w').close()")
    eventually(lambda: ("over", "memory", "keeper") in _events(stack), SECONDS)
    damage = "file = open(path + 'notes.db', 'r+b'); file.seek(400000); file.write(os.urandom(20000))"
    _inside("keeper", data + damage)
    eventually(lambda: ("over", "data", "keeper") in _events(stack), SECONDS)
    _inside("keeper", data + "os.remove(path + 'hungry'); os.remove(path + 'notes.db')")
    keeper = docker.from_env().containers.get(f"{STACK}-keeper")
    keeper.stop()
    eventually(lambda: ("over", "answer", "keeper") in _events(stack), SECONDS)
    eventually(lambda: any("keeper: exited" in line for line in _shown()["degraded"]), SECONDS)
    keeper.start()
    well = [("well", kind, "keeper") for kind in ("answer", "data", "memory")]
    eventually(lambda: set(well) <= set(_events(stack)), SECONDS)
    assert len(_events(stack)) == 6
