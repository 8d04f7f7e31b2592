"""Programs of the owner's own: where they come from, and what they are given."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.stacks import MIB, OWN_IMAGES, facts, plan, record, values

from components.catalog import api as api_kind
from components.errors import ConfigurationError
from components.runtimes.docker_arguments import command_line, health_test
from components.spec import ServiceSpec

API = {
    "directory": "examples/api",
    "uses": ["redis", "postgres", "ollama"],
    "database": "shop",
    "route": "/api/",
    "env": {"MODE": "live"},
    "secrets": {"JWT_SECRET": "jwt"},
}
BESIDE: dict[str, Any] = {"redis": {}, "postgres": {}, "ollama": {}, "nginx": {}}


def services(runtime: str = "supervisord", **own: dict[str, Any]) -> dict[str, ServiceSpec]:
    images = dict.fromkeys(own, OWN_IMAGES["api"]) if runtime == "docker" else {}
    stack = values(runtime, {**BESIDE, **own}, images=images)
    return {spec.name: spec for spec in plan(stack).services}


def file(spec: ServiceSpec, name: str) -> str:
    (found,) = [file.content for file in spec.files if file.path.endswith(f"/{name}")]
    return found


# What it is given ---------------------------------------------------------------------------------


@pytest.mark.parametrize("runtime", ["docker", "supervisord", "systemd-system", "launchd-user"])
def test_neighbours_are_told_by_variables_and_secrets_by_files(runtime: str) -> None:
    spec = services(runtime, api=API)["api"]
    env = spec.process.env
    host = "redis" if runtime == "docker" else "127.0.0.1"
    assert env["REDIS_HOST"] == host
    assert env["OLLAMA_HOST"].startswith("http://")
    assert env["PGDATABASE"] == env["PGUSER"] == "shop"
    assert env["MODE"] == "live"
    assert env["REDIS_URL_FILE"].endswith("/REDIS_URL")
    assert file(spec, "REDIS_URL") == f"redis://:@@redis@@@{host}:6379/0"
    assert file(spec, "DATABASE_URL").startswith("postgresql://shop:@@postgres@@@")
    assert {ref.name for ref in spec.secrets} == {"redis", "postgres-shop", "jwt"}
    assert not any("@@" in value for value in env.values())
    assert set(spec.needs) == {"redis", "postgres", "ollama"}
    assert set(spec.networks) == {"backend", "data"}


def test_it_has_a_role_and_a_database_of_its_own() -> None:
    found = services(api=API)
    assert 'CREATE DATABASE "shop" OWNER "shop"' in file(found["postgres"], "roles.sql")


def test_pools_are_told_for_what_it_uses() -> None:
    env = services(api=API)["api"].process.env
    assert env["DATABASE_POOL_SIZE"] == "20"
    assert env["DATABASE_MAX_OVERFLOW"] == "40"
    assert env["DATABASE_POOL_TIMEOUT"] == "30"
    assert env["REDIS_MAX_CONNECTIONS"] == "50"
    assert env["REDIS_CONNECTION_POOL_CLASS"] == "BlockingConnectionPool"
    alone = services(api={"directory": "examples/api"})["api"].process.env
    assert not any(name.startswith(("DATABASE", "REDIS")) for name in alone)


def test_the_launcher_sets_secrets_inside_the_process_and_goes_on_as_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, secret = tmp_path / "source", tmp_path / "secret"
    source.mkdir()
    secret.write_text("hush\n")
    (source / "beside.py").write_text("NAME = 'beside'\n")
    (source / "main.py").write_text(
        "import os, sys, beside\nseen = (os.environ['JWT_SECRET'], sys.argv, beside.NAME, os.getcwd())\n"
        "open('seen', 'w').write(repr(seen))\n"
    )
    text = file(services(api={**API, "uses": [], "database": None})["api"], "start.py")
    launcher = tmp_path / "start.py"
    launcher.write_text(re.sub(r"^SOURCE = .*$", f'SOURCE = "{source}"', text, flags=re.MULTILINE))
    monkeypatch.setenv("JWT_SECRET_FILE", str(secret))
    monkeypatch.setenv("JWT_SECRET", "")
    monkeypatch.setattr(sys, "argv", ["start.py", "main.py", "--fast"])
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(launcher))
    assert (source / "seen").read_text() == repr(("hush", ["main.py", "--fast"], "beside", str(source)))


# Where it comes from ------------------------------------------------------------------------------


def test_a_directory_is_read_from_a_copy_named_by_its_content() -> None:
    host = facts(digest=lambda path: "feedfacefeedface")
    stack = values("systemd-system", {"agent": {"directory": "examples/agent"}})
    spec = plan(stack, host).service("agent")
    assert spec.source.path == "/var/lib/hearth/test/agent/source/feedfacefeedface"
    assert f'SOURCE = "{spec.source.path}"' in file(spec, "start.py")
    recorder = record(stack, host)
    assert recorder.named("agent-source", "command:local:Command").document["digest"] == "feedfacefeedface"


def test_another_content_is_another_container(monkeypatch: pytest.MonkeyPatch) -> None:
    def volume(content: str) -> str:
        stack = values("docker", {"agent": {"directory": "examples/agent"}})
        found = record(stack, facts(digest=lambda path: content))
        mounts = found.named("agent-container", "docker:index/container:Container").inputs["volumes"]
        return next(m["volumeName"] for m in mounts if m["containerPath"].startswith("/opt/hearth/"))

    assert volume("a" * 16) != volume("b" * 16)


def test_requirements_are_those_of_the_copy() -> None:
    spec = services(api=API)["api"]
    assert spec.package.venv == ("-r", f"{spec.source.path}/requirements.txt")
    assert spec.package.aliases == {"api-python": "hearth-python", "api-gunicorn": "gunicorn"}


def test_a_command_has_a_link_of_its_own_and_its_name_in_an_image() -> None:
    own = {"type": "agent", "command": ["/opt/tool/bin/serve", "--port", "1"]}
    native = services(mine=own)["mine"]
    assert native.process.argv == ("mine-serve", "--port", "1")
    assert native.package.aliases == {"mine-serve": "/opt/tool/bin/serve"}
    contained = services("docker", mine=own)["mine"]
    assert command_line(contained) == ["/opt/tool/bin/serve", "--port", "1"]


def test_an_image_runs_its_own_command_or_the_arguments() -> None:
    own = {"image": "registry.example.org/shop:2.1", "port": 7000, "health": "/up"}
    stack = values("docker", {"api": own}, images={"prefix": "mirror.example.org"})
    spec = plan(stack).service("api")
    # It is named with its registry: no mirror has it.
    assert spec.image.reference == "registry.example.org/shop:2.1"
    assert command_line(spec) == []
    inputs = record(stack).named("api-container", "docker:index/container:Container").inputs
    assert not inputs.get("entrypoints")
    stack["services"]["api"] = {**own, "arguments": ["serve", "--fast"]}
    assert command_line(plan(stack).service("api")) == ["serve", "--fast"]


def test_a_python_image_is_asked_by_python_how_it_is() -> None:
    spec = services("docker", api=API)["api"]
    assert health_test(spec)[:3] == ["CMD", "python3", "-c"]
    assert command_line(spec)[:2] == ["python3", "/etc/hearth/start.py"]


# Kinds --------------------------------------------------------------------------------------------


def test_gunicorn_gets_two_workers_a_core_and_one_as_far_as_memory_goes() -> None:
    def workers(cores: float, **own: object) -> int:
        settings = api_kind.Settings.model_validate({"directory": "x", **own})
        return api_kind.workers(settings, cores)

    assert workers(2) == 5
    assert workers(8, memory="4GiB") == 17
    assert workers(8, cpus=0.5, memory="4GiB") == 3
    assert workers(8, memory="200MiB") == 2
    assert workers(8, memory="64MiB") == 1
    assert workers(8, workers=4) == 4


@given(st.integers(32, 65536), st.integers(8, 1024), st.floats(0.1, 128))
def test_workers_never_take_more_than_the_limit(memory: int, each: int, cpus: float) -> None:
    settings = api_kind.Settings.model_validate(
        {"directory": "x", "memory": memory * MIB, "worker-memory": each * MIB}
    )
    count = api_kind.workers(settings, cpus)
    assert count == 1 or count * each <= memory


def test_gunicorn_listens_where_the_runtime_says() -> None:
    api = {**API, "port": 7000}
    assert 'bind = "0.0.0.0:7000"' in file(services("docker", api=api)["api"], "gunicorn.conf.py")
    assert 'bind = "127.0.0.1:7000"' in file(services(api=api)["api"], "gunicorn.conf.py")


WORKER = {"directory": "examples/worker", "uses": ["redis"], "broker": "redis"}


def test_a_worker_takes_from_its_queues_and_loses_no_task() -> None:
    slow = {**WORKER, "type": "worker", "queues": ["batched"], "concurrency": 1, "lost-after": "1h"}
    spec = services(slow=slow)["slow"]
    words = " ".join(spec.process.argv)
    assert "-Q batched -c 1" in words
    assert "-n slow@test" in words
    text = file(spec, "hearth_celery.py")
    compile(text, "hearth_celery.py", "exec")
    for line in ("task_acks_late=True", "task_reject_on_worker_lost=True", "worker_prefetch_multiplier=1"):
        assert line in text
    assert '"visibility_timeout": 3600' in text
    assert '"unacked_key": "unacked.slow"' in text
    assert spec.health.argv[3:] == (
        "celery",
        "-A",
        "hearth_celery",
        "inspect",
        "ping",
        "-d",
        "slow@test",
        "-t",
        "5",
    )
    assert file(spec, "CELERY_BROKER_URL").startswith("redis://:@@redis@@@")
    assert spec.ports == ()


def test_the_queues_of_a_worker_are_watched() -> None:
    found = services(
        **{
            "worker": {**WORKER, "queues": ["high", "low"], "depth": 7},
            "redis-exporter": {},
            "prometheus": {},
        }
    )
    assert "--check-single-keys=db0=high,db0=low" in found["redis-exporter"].process.argv
    assert "> 7" in file(found["prometheus"], "rules.yml")
    assert "%R~high %R~low" in file(found["redis"], "users.acl")


def test_eight_agents_are_eight_services() -> None:
    found = services(agents={"type": "agent", "directory": "examples/agent", "replicas": 8})
    names = [name for name in found if name.startswith("agents-")]
    assert len(names) == 8
    assert {found[name].resources.memory for name in names} == {256 * MIB}
    assert {found[name].package.programs for name in names} == {("agents-python",)}


def test_a_page_has_the_front_door_to_itself() -> None:
    found = services(site={"type": "frontend", "directory": "examples/frontend"})
    assert "try_files $uri $uri/ /index.html;" in file(found["site"], "nginx.conf")
    door = file(found["nginx"], "nginx.conf")
    assert "location / {" in door
    assert "location = / {" not in door


def test_a_site_of_many_pages_says_what_is_not_there() -> None:
    found = services(site={"type": "frontend", "directory": "examples/frontend", "single-page": False})
    assert "index.html;\n        }" not in file(found["site"], "nginx.conf").replace("index index.html;", "")


# What cannot be -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("runtime", "own", "message"),
    [
        ("supervisord", {}, "exactly one of image, command and directory; none is given"),
        ("supervisord", {"directory": "a", "command": ["b"]}, "command and directory are given"),
        ("supervisord", {"image": "shop:1.0"}, "runs in containers only"),
        ("docker", {"command": ["node"]}, r"name one under hearth:images\.mine"),
        ("docker", {"directory": "a", "requirements": "r.txt"}, r"name one under hearth:images\.mine"),
        ("docker", {"image": "shop:latest"}, "write name:version"),
        ("supervisord", {"directory": "a", "uses": ["postgres"]}, "names no database in it"),
        ("supervisord", {"directory": "a", "uses": ["nginx"]}, "uses nginx, which cannot be used so"),
        ("supervisord", {"directory": "a", "uses": ["mongo"]}, "needs mongo, which is not in"),
        ("supervisord", {"directory": "a", "uses": ["redis", "cache"]}, "both set REDIS_HOST"),
        ("supervisord", {"directory": "a", "route": "/x/"}, "route needs a port"),
        ("supervisord", {"command": ["a"], "arguments": ["b"]}, "write arguments into command"),
        ("supervisord", {"command": ["a"], "requirements": "r.txt"}, "requirements are a file in directory"),
        (
            "supervisord",
            {"directory": "a", "env": {"KEY": "two\nlines"}},
            "cannot be given control characters",
        ),
        ("supervisord", {"directory": "a", "secrets": {"KEY": "../x"}}, r"secrets\.KEY"),
    ],
)
def test_what_cannot_be_run_is_refused_in_a_sentence(
    runtime: str, own: dict[str, object], message: str
) -> None:
    stack = values(
        runtime, {**BESIDE, "cache": {"type": "redis", "port": 6380}, "mine": {"type": "agent", **own}}
    )
    with pytest.raises(ConfigurationError, match=message):
        plan(stack)


@pytest.mark.parametrize(
    ("kind", "own", "message"),
    [
        ("worker", {"directory": "a"}, "needs a broker"),
        ("worker", {"directory": "a", "broker": "redis"}, "broker redis is not in uses"),
        (
            "worker",
            {"directory": "a", "uses": ["ollama"], "broker": "ollama"},
            "broker ollama keeps no queues",
        ),
        ("cronjob", {"directory": "a", "schedule": "nightly"}, "write five fields, for example 0 2"),
    ],
)
def test_kinds_say_what_they_lack(kind: str, own: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        plan(values("supervisord", {**BESIDE, "mine": {"type": kind, **own}}))


def test_a_directory_that_cannot_be_read_is_refused() -> None:
    stack = values("supervisord", {"agent": {"directory": "missing"}})
    with pytest.raises(ConfigurationError, match="directory missing cannot be read here"):
        plan(stack, facts(digest=lambda path: None))
