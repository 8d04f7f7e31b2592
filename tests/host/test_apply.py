"""``apply`` and ``remove`` with a real supervisord, redis-server and web server."""

from __future__ import annotations

import grp
import json
import stat
import subprocess
import urllib.request
from pathlib import Path

import psutil
from support.ports import free_port

from tests.host.machine import Machine, processes


def get(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
        return answer.read().decode()


def test_starts_once_and_then_leaves_alone(machine: Machine) -> None:
    document = machine.redis(free_port())
    assert machine.apply(document) == "redis: first start"
    pid = machine.pid("redis")
    assert psutil.Process(pid).username() == "hearth-redis"
    assert machine.apply(document) == "redis: unchanged"
    assert machine.pid("redis") == pid


def test_restarts_exactly_when_something_changed(machine: Machine) -> None:
    port = free_port()
    machine.apply(machine.redis(port))
    pid = machine.pid("redis")
    assert machine.apply(machine.redis(port, extra="maxmemory 10mb\n")) == "redis: changed: redis.conf"
    assert machine.pid("redis") != pid
    pid = machine.pid("redis")
    assert "secrets" in machine.apply(machine.redis(port, extra="maxmemory 10mb\n", restart_on="g2"))
    assert machine.pid("redis") != pid


def test_other_secrets_run_the_tasks_alone_where_these_take_them_to_the_process(machine: Machine) -> None:
    log = machine.root / "redis/data/tasks"
    task = {"name": "take", "argv": ["sh", "-c", f"echo taken >> {log}"]}
    document = machine.redis(free_port(), tasks=[task], live_secrets=True)
    machine.apply(document)
    pid, generation = machine.pid("redis"), machine.root / "redis" / "secrets.generation"
    generation.write_text("another")
    assert machine.apply(document) == "redis: unchanged"
    assert machine.apply(document) == "redis: unchanged"
    assert log.read_text() == "taken\n" * 2
    assert machine.pid("redis") == pid
    assert "secrets" in machine.apply({**document, "live_secrets": False})
    assert machine.pid("redis") != pid


def test_owner_and_modes_keep_the_service_out_of_its_configuration(machine: Machine, root: Path) -> None:
    machine.apply(machine.redis(free_port()))
    for name, bits, user in (
        ("", 0o755, 0),
        ("config", 0o750, 0),
        ("config/redis.conf", 0o640, 0),
        ("applied.json", 0o600, 0),
    ):
        found = (root / "redis" / name).stat()
        assert (stat.S_IMODE(found.st_mode), found.st_uid) == (bits, user), name
    assert (root / "redis" / "data").owner() == "hearth-redis"


def test_a_refused_configuration_never_reaches_the_process(machine: Machine) -> None:
    port = free_port()
    check = [
        "sh",
        "-c",
        f"! grep -q nonsense {machine.root}/redis/config/redis.conf || {{ echo bad directive; exit 3; }}",
    ]
    machine.apply(machine.redis(port, check=check))
    pid = machine.pid("redis")
    errors = machine.refused(machine.redis(port, extra="nonsense\n", check=check))
    assert "refused by sh: exit status 3\nbad directive" in errors
    assert "previous configuration is serving again" in errors
    assert machine.pid("redis") == pid
    assert "nonsense" not in (machine.root / "redis/config/redis.conf").read_text()
    assert machine.apply(machine.redis(port, check=check)) == "redis: unchanged"


def test_a_start_that_fails_is_rolled_back(machine: Machine) -> None:
    port = free_port()
    machine.apply(machine.redis(port))
    errors = machine.refused(machine.redis(port, extra="no-such-directive 1\n"))
    assert "did not start" in errors
    assert "no-such-directive" in errors
    assert "serving again" in errors
    assert machine.apply(machine.redis(port)) == "redis: unchanged"


def test_a_first_start_that_fails_leaves_nothing_running(machine: Machine) -> None:
    errors = machine.refused(machine.redis(free_port(), extra="no-such-directive 1\n"))
    assert "It was not running before." in errors
    assert "Its last log lines:" in errors
    assert machine.pid("redis") == 0
    assert not (machine.root / "redis/config/redis.conf").exists()


def test_a_service_that_never_answers_is_rolled_back(machine: Machine) -> None:
    port = free_port()
    machine.apply(machine.web(port))
    silent = {
        "http": f"http://127.0.0.1:{port}/absent",
        "interval": 0.5,
        "timeout": 1,
        "retries": 2,
        "start_period": 1,
    }
    errors = machine.refused(machine.web(port, text="new", health=silent))
    assert "status 404" in errors
    assert "serving again" in errors
    assert get(port) == "hello"


def test_a_taken_port_changes_nothing(machine: Machine) -> None:
    port = free_port()
    machine.apply(machine.web(port))
    errors = machine.refused(machine.redis(port))
    assert f"port {port} is already taken by python" in errors
    assert machine.pid("redis") == 0
    assert get(port) == "hello"


def test_files_no_longer_listed_go(machine: Machine) -> None:
    port = free_port()
    document = machine.web(port)
    extra = machine.root / "web/config/extra/more.html"
    machine.apply(
        {**document, "files": [*document["files"], {"path": str(extra), "content": "x", "mode": "0640"}]}
    )
    assert extra.exists()
    machine.apply(document)
    assert not extra.parent.exists()


def test_repairs_what_the_disk_shows_whatever_the_notes_say(machine: Machine) -> None:
    port = free_port()
    document = machine.web(port)
    machine.apply(document)
    page = machine.root / "web/config/index.html"
    page.write_text("tampered")
    (machine.root / "web/data").chmod(0o777)
    psutil.Process(machine.pid("web")).suspend()
    assert "index.html: content" in machine.apply(document)
    assert get(port) == "hello"
    assert stat.S_IMODE((machine.root / "web/data").stat().st_mode) == 0o750


def test_remove_keeps_data_and_leaves_no_process(machine: Machine, root: Path) -> None:
    port = free_port()
    machine.apply(machine.redis(port))
    assert "removed" in machine.verb("remove", str(root), "supervisord", "redis").stdout
    assert not processes(f"{root}/redis")
    assert (root / "redis/data").is_dir()
    assert (root / "redis/log").is_dir()
    assert not (root / "redis/config").exists()
    assert not (root / "supervisor/programs/redis.conf").exists()
    assert machine.verb("remove", str(root), "supervisord", "redis").returncode == 0
    assert (
        machine.verb("remove", str(root), "supervisord", "absent").stdout.strip()
        == "absent: nothing to remove"
    )
    machine.apply(machine.redis(port))


def test_tasks_run_in_order_again_after_a_change_and_only_then(machine: Machine) -> None:
    log = machine.root / "web/data/tasks"
    port = free_port()

    def document(word: str) -> dict:
        def add(text: str) -> list[str]:
            return ["sh", "-c", f"echo {text} $WORD >> {log}"]

        return machine.web(
            port,
            env={"WORD": "up"},
            tasks=[
                {"name": "one", "argv": add(word), "timeout": 5, "optional": False},
                {"name": "hub", "argv": ["sh", "-c", "exit 7"], "timeout": 5, "optional": True},
                {"name": "slow", "argv": ["sleep", "50"], "timeout": 0.3, "optional": True},
                {"name": "two", "argv": add("two"), "timeout": 5, "optional": False},
            ],
        )

    assert machine.apply(document("one")).endswith("optional tasks failed: hub, slow")
    assert log.read_text() == "one up\ntwo up\n"
    good = json.loads(json.dumps(document("one")))
    good["tasks"] = [good["tasks"][0]]
    assert machine.apply(good) == "web: unchanged"
    assert machine.apply(good) == "web: unchanged"
    assert log.read_text() == "one up\ntwo up\none up\n"
    assert "its task hub failed: exit status 7" in machine.refused(
        {**good, "tasks": [{"name": "hub", "argv": ["sh", "-c", "exit 7"]}]}
    )
    assert get(port) == "hello"


def test_a_log_is_read_by_who_is_in_its_group_and_by_nobody_else(machine: Machine, root: Path) -> None:
    port = free_port()
    document = machine.redis(port, groups=["hearth_test_logs"])
    document["directories"][2] |= {"mode": "0750", "group": "hearth_test_logs"}
    machine.apply(document)
    log = root / "redis" / "log"
    assert (log.group(), stat.S_IMODE(log.stat().st_mode)) == ("hearth_test_logs", 0o750)
    assert "hearth-redis" in grp.getgrnam("hearth_test_logs").gr_mem
    # The process itself is in it, and not only the account from its next login on.
    assert grp.getgrnam("hearth_test_logs").gr_gid in os_groups(machine.pid("redis"))
    (line,) = [entry for entry in log.iterdir() if entry.suffix == ".log"]

    def reads(*groups: int) -> bool:
        done = subprocess.run(
            ["cat", str(line)], user=65534, group=65534, extra_groups=groups, capture_output=True
        )
        return done.returncode == 0

    assert reads(grp.getgrnam("hearth_test_logs").gr_gid)
    assert not reads()
    log.chmod(0o755)
    assert machine.apply(document) == "redis: unchanged"
    assert stat.S_IMODE(log.stat().st_mode) == 0o750
    subprocess.run(["groupdel", "hearth_test_logs"], check=True)


def os_groups(pid: int) -> list[int]:
    """The supplementary groups of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("Groups:")]
    return [int(number) for number in line.split()[1:]]
