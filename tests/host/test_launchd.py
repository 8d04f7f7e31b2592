"""``apply``, ``remove`` and the watchdog with the stand-in for launchd, and a real redis-server."""

from __future__ import annotations

import os
import plistlib
import re
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from support.ports import free_port
from support.rendered import secret_values, services

from components.runtimes.native import NativeService, UnitRenderer, apply_document
from components.secrets import fill
from tests.host.launchd_domain import Domain
from tests.host.machine import PATIENCE, Machine, processes

LABEL = "dev.hearth.test.redis"


@pytest.fixture
def mac(root: Path, domain: Domain) -> Machine:
    """The command line with launchd at hand."""
    machine = Machine(root, runtime="launchd", scope="user")
    machine.env = domain.env
    return machine


def rendered(mac: Machine, domain: Domain, port: int, **more: object) -> tuple[NativeService, UnitRenderer]:
    """Redis as the runtime writes it for this root."""
    stack = {"runtime": "launchd", "data": str(mac.root), "services": {"redis": {"port": port}}, **more}
    runtime, (service,) = services(stack, home=str(domain.home))
    return service, runtime.units


def redis(mac: Machine, domain: Domain, port: int, *, extra: str = "") -> dict:
    """Its document, with its programs and secrets in place."""
    service, units = rendered(mac, domain, port)
    package = {"root": str(mac.root), "name": "redis", "programs": list(service.spec.package.programs)}
    assert mac.verb("package", document=package).returncode == 0
    texts = secret_values(service.spec)
    files = [
        {
            "path": f.path,
            "content": fill(f.content, {k: texts[r.name] for k, r in f.secrets.items()}),
            "mode": "0400",
        }
        for f in service.spec.files
        if f.secrets
    ]
    secrets = {"directory": f"{service.directory}/secrets", "account": None, "files": files}
    assert mac.verb("secret-files", document=secrets).returncode == 0
    document = apply_document(service, units)
    document["files"][0]["content"] += extra
    document["health"] |= PATIENCE
    return document


def program(mac: Machine, domain: Domain, text: str, stop: str = "SIGTERM", **resources: int) -> dict:
    """A document for a Python program in the place of Redis, without a health check of its own."""
    service, units = rendered(mac, domain, free_port())
    script = mac.root / "program.py"
    script.write_text(text)
    argv = ("sh", "-c", f'exec {sys.executable} {script} "$PWD"')
    spec = replace(
        service.spec,
        process=replace(service.spec.process, argv=argv, stop_signal=stop),
        resources=replace(service.spec.resources, **resources),
        files=(),
        tasks=(),
    )
    document = apply_document(replace(service, spec=spec), units)
    return document | {"ports": [], "health": {"argv": ["true"], **PATIENCE}}


def eventually(holds: Callable[[], object], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_life_of_a_service(mac: Machine, domain: Domain, root: Path) -> None:
    port = free_port()
    assert mac.apply(redis(mac, domain, port)) == "redis: first start"
    unit = domain.home / f"Library/LaunchAgents/{LABEL}.plist"
    assert plistlib.loads(unit.read_bytes())["Label"] == LABEL
    pid = domain.pid(LABEL)
    assert psutil.Process(pid).rlimit(psutil.RLIMIT_NOFILE)[0] == 10240
    assert mac.apply(redis(mac, domain, port)) == "redis: unchanged"
    assert domain.pid(LABEL) == pid
    assert mac.apply(redis(mac, domain, port, extra="maxclients 50\n")) == "redis: changed: redis.conf"
    assert domain.pid(LABEL) != pid

    errors = mac.refused(redis(mac, domain, port, extra="no-such-directive 1\n"))
    assert "did not start" in errors
    assert "no-such-directive" in errors
    assert "serving again" in errors
    assert mac.apply(redis(mac, domain, port, extra="maxclients 50\n")) == "redis: unchanged"

    remove = ("remove", str(root), "launchd", "redis", "--scope", "user")
    assert mac.verb(*remove).returncode == 0
    assert not processes(f"{root}/redis")
    assert (root / "redis/data").is_dir()
    assert not unit.exists()
    assert domain.launchctl("print", f"{domain.name}/{LABEL}").returncode == 113
    assert mac.verb(*remove).returncode == 0


def test_what_is_killed_comes_back_and_what_is_unloaded_is_found(mac: Machine, domain: Domain) -> None:
    port = free_port()
    document = redis(mac, domain, port)
    mac.apply(document)
    pid = domain.pid(LABEL)
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: domain.pid(LABEL) not in (0, pid))
    assert domain.value(LABEL, "last terminating signal") == "Killed: 9"
    eventually(lambda: mac.apply(document) == "redis: unchanged")

    domain.launchctl("bootout", f"{domain.name}/{LABEL}")
    domain.launchctl("disable", f"{domain.name}/{LABEL}")
    eventually(lambda: domain.pid(LABEL) == 0)
    assert f"not running (launchd has no {LABEL} in {domain.name})" in mac.apply(document)
    assert domain.pid(LABEL)


def test_a_first_start_that_fails_leaves_nothing_loaded(mac: Machine, domain: Domain, root: Path) -> None:
    errors = mac.refused(redis(mac, domain, free_port(), extra="no-such-directive 1\n"))
    assert "It was not running before." in errors
    assert "no-such-directive" in errors
    assert domain.launchctl("print", f"{domain.name}/{LABEL}").returncode == 113
    assert not list(domain.home.rglob("*.plist"))
    assert not processes(f"{root}/redis")


def test_a_program_is_stopped_by_the_signal_that_it_wants(mac: Machine, domain: Domain, root: Path) -> None:
    stops = (
        "import pathlib, signal, sys, time\n"
        "mark = pathlib.Path(sys.argv[1], 'data', 'mark')\n"
        "def stop(number, frame):\n    time.sleep(0.5)\n    mark.write_text(str(number))\n    sys.exit(0)\n"
        "signal.signal(signal.SIGINT, stop)\nmark.write_text('ready')\nwhile True: time.sleep(60)\n"
    )
    mac.apply(program(mac, domain, stops, "SIGINT"))
    mark = root / "redis/data/mark"
    eventually(lambda: mark.is_file() and mark.read_text() == "ready")
    (shell, stopped) = processes(str(mark.parent.parent))
    assert shell.environ()["HOME"] == stopped.environ()["HOME"] == str(root / "redis")
    assert shell.pid == domain.pid(LABEL)
    assert mac.verb("remove", str(root), "launchd", "redis", "--scope", "user").returncode == 0
    assert mark.read_text() == str(int(signal.SIGINT))
    assert not processes(f"{root}/redis")


def test_a_service_that_stays_above_its_memory_is_restarted(mac: Machine, domain: Domain, root: Path) -> None:
    unit = str(domain.home / "Library/LaunchAgents/dev.hearth.test.watchdog.plist")
    where = (str(root), "--scope", "user", "--unit", unit)
    hungry = "import time\nheld = bytearray(96 << 20)\nwhile True: time.sleep(60)\n"
    mac.apply(program(mac, domain, hungry, memory=1 << 30))
    pid = domain.pid(LABEL)
    assert mac.verb("watchdog", "check", str(root)).stdout == "watchdog: 0 of 1 restarted\n"
    assert domain.pid(LABEL) == pid

    mac.apply(program(mac, domain, hungry, memory=64 << 20))
    pid = domain.pid(LABEL)
    assert mac.verb("watchdog", "start", *where).stdout == "watchdog: started\n"
    assert mac.verb("watchdog", "start", *where).stdout == "watchdog: running\n"
    eventually(lambda: domain.pid(LABEL) not in (0, pid), 30)
    log = root / "watchdog/watchdog.log"
    eventually(lambda: "redis: " in log.read_text())
    assert "are more than its memory 64.0MiB; restarted" in log.read_text()
    for _ in range(2):
        assert mac.verb("watchdog", "stop", *where).returncode == 0
    assert not Path(unit).exists()
    assert domain.launchctl("print", f"{domain.name}/dev.hearth.test.watchdog").returncode == 113


def test_a_service_above_its_reservation_is_warned_of_once(mac: Machine, domain: Domain, root: Path) -> None:
    swelling = (
        "import pathlib, sys, time\nsign = pathlib.Path(sys.argv[1], 'data', 'let-go')\n"
        "held = bytearray(96 << 20)\nwhile not sign.exists(): time.sleep(0.05)\n"
        "del held\nsign.unlink()\nwhile True: time.sleep(60)\n"
    )
    mac.apply(program(mac, domain, swelling, memory=1 << 30, reservation=64 << 20))
    pid = domain.pid(LABEL)
    first = mac.verb("watchdog", "check", str(root))
    assert first.stdout == "watchdog: 0 of 1 restarted\n"
    assert re.search(r"redis: \S+MiB are more than its reservation 64.0MiB", first.stderr)
    assert mac.verb("watchdog", "check", str(root)).stderr == ""
    sign = root / "redis/data/let-go"
    sign.touch()
    eventually(lambda: not sign.exists())
    assert "within its reservation 64.0MiB again" in mac.verb("watchdog", "check", str(root)).stderr
    assert mac.verb("watchdog", "check", str(root)).stderr == ""
    assert domain.pid(LABEL) == pid


def test_a_log_that_has_grown_is_rotated_under_its_writer(mac: Machine, domain: Domain, root: Path) -> None:
    talking = (
        "import pathlib, sys, time\nsign = pathlib.Path(sys.argv[1], 'data', 'say')\n"
        "print('x' * (11 << 20), flush=True)\nwhile not sign.exists(): time.sleep(0.05)\n"
        "print('and on', flush=True)\nwhile True: time.sleep(60)\n"
    )
    mac.apply(program(mac, domain, talking, memory=1 << 30))
    pid, log = domain.pid(LABEL), root / "redis/log/redis.log"
    eventually(lambda: log.stat().st_size > 11 << 20)
    assert "redis.log: rotated" in mac.verb("watchdog", "check", str(root)).stderr
    assert log.stat().st_size == 0
    assert log.with_name("redis.log.1").stat().st_size > 11 << 20
    (root / "redis/data/say").touch()
    # What it writes next is at the beginning, with no hole before it.
    eventually(lambda: log.read_text() == "and on\n")
    assert mac.verb("watchdog", "check", str(root)).stderr == ""
    assert domain.pid(LABEL) == pid


def test_daemons_run_as_their_account(mac: Machine, domain: Domain, root: Path) -> None:
    service, units = rendered(mac, domain, free_port(), launchd={"scope": "system", "account": "nobody"})
    argv = ("sh", "-c", "while :; do sleep 60; done")
    spec = replace(service.spec, process=replace(service.spec.process, argv=argv), files=(), tasks=())
    document = apply_document(replace(service, spec=spec), units)
    assert document["unit"]["path"] == f"/Library/LaunchDaemons/{LABEL}.plist"
    document["unit"]["path"] = str(domain.home / f"{LABEL}.plist")
    mac.apply(document | {"ports": [], "health": {"argv": ["true"], **PATIENCE}})
    (shell,) = [process for process in processes(str(root)) if process.name() == "sh"]
    assert shell.username() == "nobody"
    assert (root / "redis/log/redis.log").owner() == "nobody"


def test_without_a_login_the_mend_is_named(mac: Machine, domain: Domain) -> None:
    document = redis(mac, domain, free_port())
    mac.env = mac.env | {"LAUNCHCTL_DOMAINS": "system"}
    errors = mac.refused(document)
    assert "automatic login" in errors
    assert "scope: system" in errors
    assert not list(domain.home.rglob("*.plist"))


def test_without_launchd_another_runtime_is_advised(mac: Machine, domain: Domain) -> None:
    document = redis(mac, domain, free_port())
    mac.env = mac.env | {"PATH": "/usr/bin:/bin"}
    assert "does not run macOS, choose another runtime" in mac.refused(document)
