"""The embedded stack for real: supervisord, unprivileged accounts, everything on loopback."""

from __future__ import annotations

import contextlib
import os
import signal
import ssl
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil
import pytest

from tests.e2e import probes
from tests.e2e.leaks import leaks
from tests.e2e.story import eventually, settled, smoke, touched_by, with_setting
from tests.e2e.workbench import Workbench

REDIS, POSTGRES, OLLAMA, NGINX = 65479, 65432, 65434, 65480
CONFIG = {
    "runtime": "supervisord",
    "host": {"reserve": "512MiB"},
    "services": {
        "ollama": {"port": OLLAMA, "memory": "2GiB"},
        "redis": {"port": REDIS, "memory": "128MiB"},
        "postgres": {"port": POSTGRES, "memory": "256MiB"},
        "nginx": {"port": NGINX},
    },
}


@pytest.fixture(scope="module")
def stack(bench: Callable[..., Workbench]) -> Workbench:
    """The stack, up."""
    made = bench("supervised", CONFIG)
    CONFIG["data"] = str(made.root)
    made.up()
    return made


def _processes(program: str, stack: Workbench) -> list[psutil.Process]:
    """Processes of the stack by the name of their program; each works in its service's directory."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.name().startswith(program) and process.cwd().startswith(f"{stack.root}/"):
                found.append(process)
    return found


def test_nothing_is_left_to_do(stack: Workbench) -> None:
    settled(stack)


def test_redis_stores_and_finds(stack: Workbench) -> None:
    assert probes.redis_answers(REDIS, stack.secret("redis"))


def test_postgres_finds_the_nearest_vectors(stack: Workbench) -> None:
    assert probes.nearest(POSTGRES, stack.secret("postgres-app")) == [1, 2]


def test_a_prompt_is_answered_in_pieces_through_the_front_door(stack: Workbench) -> None:
    smoke(stack)
    pieces = probes.streamed_words(f"http://127.0.0.1:{NGINX}", probes.RANDOM_MODEL)
    assert len(pieces) > 2


def test_every_service_has_an_account_of_its_own(stack: Workbench) -> None:
    owners = {
        name: {process.username() for process in _processes(name, stack)}
        for name in ("ollama", "redis-server", "postgres", "nginx")
    }
    assert owners == {
        "ollama": {"hearth-ollama"},
        "redis-server": {"hearth-redis"},
        "postgres": {"hearth-postgres"},
        "nginx": {"hearth-nginx"},
    }


def test_everything_listens_on_loopback_alone(stack: Workbench) -> None:
    listening = {
        connection.laddr.ip
        for connection in psutil.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
        and connection.laddr.port in (REDIS, POSTGRES, OLLAMA, NGINX)
    }
    assert listening == {"127.0.0.1"}


def test_secrets_are_in_plain_text_nowhere(stack: Workbench) -> None:
    assert leaks(stack, docker=False) == []


def test_the_search_for_secrets_can_fail(stack: Workbench) -> None:
    planted = stack.directory / "state" / "planted"
    planted.write_text(f"x{stack.secret('redis')}x")
    try:
        assert leaks(stack, docker=False)
    finally:
        planted.unlink()


def test_a_changed_limit_touches_one_service(stack: Workbench) -> None:
    touched = touched_by(stack, with_setting(CONFIG, "redis", memory="160MiB"))
    stack.configure(CONFIG)
    assert {name for name in touched if not name.startswith("hearth-")} == {"redis"}


def test_a_killed_process_comes_back(stack: Workbench) -> None:
    before = _processes("redis-server", stack)[0].pid
    os.kill(before, signal.SIGKILL)
    eventually(lambda: probes.redis_value(REDIS, stack.secret("redis")) == "kept")
    assert _processes("redis-server", stack)[0].pid != before


def test_a_configuration_that_fails_leaves_the_old_one_serving(stack: Workbench) -> None:
    template = stack.directory / "templates" / "redis" / "redis.conf.j2"
    good = template.read_text()
    template.write_text(good + "no-such-directive yes\n")
    try:
        for _ in range(2):
            failed = stack.up(check=False)
            assert failed.status != 0
            assert "previous configuration is serving again" in failed.text
        assert probes.redis_value(REDIS, stack.secret("redis")) == "kept"
    finally:
        template.write_text(good)
    stack.up()
    settled(stack)


def test_the_front_door_with_a_certificate_and_a_password(stack: Workbench) -> None:
    stack.configure(with_setting(CONFIG, "nginx", **{"tls": "self-signed", "basic-auth": True}))
    stack.up()
    version = f"https://127.0.0.1:{NGINX}/ollama/api/version"
    pem = stack.secret("nginx-tls")
    trusting = ssl.create_default_context(cadata=pem[pem.index("-----BEGIN CERTIFICATE") :])
    assert httpx.get(version, verify=trusting).status_code == 401
    account = ("hearth", stack.secret("nginx-basic-auth"))
    assert httpx.get(version, verify=trusting, auth=account).status_code == 200
    assert leaks(stack, docker=False) == []
    stack.configure(CONFIG)
    stack.up()


def test_drift_is_found_and_repaired(stack: Workbench) -> None:
    configuration = stack.root / "redis" / "config" / "redis.conf"
    before = configuration.read_text()
    configuration.write_text(before + "# by hand\n")
    drift = [".venv/bin/python", "-m", "ops", "drift", "--stack", stack.stack]
    found = stack.run(*drift, check=False)
    assert found.status == 1 and "redis" in found.text
    stack.run(*drift, "--repair")
    assert configuration.read_text() == before
    assert stack.run(*drift).status == 0


def test_destroy_keeps_data_and_the_next_up_serves_it(stack: Workbench) -> None:
    redis, app = stack.secret("redis"), stack.secret("postgres-app")
    stack.destroy()
    left = [process.name() for process in psutil.process_iter() if _belongs(process, stack.root)]
    assert left == []
    stack.up()
    assert (stack.secret("redis"), stack.secret("postgres-app")) == (redis, app)
    assert probes.redis_value(REDIS, redis) == "kept"
    assert probes.nearest(POSTGRES, app) == [1, 2]


def _belongs(process: psutil.Process, root: Path) -> bool:
    try:
        return str(root) in " ".join(process.cmdline())
    except psutil.Error:
        return False
