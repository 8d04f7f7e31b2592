"""A service that runs several times is several services of the plan, and one behind the front door."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.stacks import plan, record, values

import components.catalog
from components.catalog import entries
from components.config import load_stack_config
from components.errors import ConfigurationError
from components.replicas import listening
from components.spec import ServiceSpec

ECHO = '''"""Echo: answers with what it is asked."""

from typing import Annotated

from pydantic import Field

from components.settings import Replicated
from components.neighbours import Database, Requests, Route
from components.spec import HealthCheck, Image, Package, Port, Process, Resources, Security, ServiceSpec
from components.units import Bytes, PortNumber


class Settings(Replicated):
    memory: Annotated[Bytes, Field(description="Hard memory limit.")] = 256 * 1024**2
    port: Annotated[PortNumber | None, Field(description="Port.")] = None


def requests(settings):
    return Requests(
        routes=(Route(prefix="/echo/"),) if settings.port else (), databases=(Database(name="echo"),)
    )


def spec(settings, context):
    return ServiceSpec(
        name=context.service, type="echo", description="Echo", image=Image(repository="echo", tag="1.0"),
        package=Package(programs=("echo-server",), apt=("echo",)), process=Process(argv=("echo-server",)),
        resources=Resources(memory=settings.memory), health=HealthCheck(argv=("echo-server", "--ask")),
        security=Security(uid=1000), networks=("backend",),
        ports=(Port(name="http", number=settings.port),) if settings.port else (),
    )
'''


@pytest.fixture(autouse=True)
def echo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A kind of service with replicas, and with or without a port."""
    (tmp_path / "echo.py").write_text(ECHO)
    monkeypatch.setattr(components.catalog, "__path__", [*components.catalog.__path__, str(tmp_path)])
    entries.cache_clear()
    yield
    entries.cache_clear()
    del sys.modules["components.catalog.echo"]


def services(runtime: str, **echo: object) -> dict[str, ServiceSpec]:
    stack = values(runtime, {"nginx": {}, "postgres": {}, "echo": {"replicas": 3, "port": 7000, **echo}})
    return {spec.name: spec for spec in plan(stack).services}


def configuration(spec: ServiceSpec) -> str:
    return spec.files[0].content


def test_each_replica_is_limited_alone_and_listens_on_the_next_port() -> None:
    found = services("supervisord")
    assert [found[f"echo-{n}"].ports[0].number for n in (1, 2, 3)] == [7000, 7001, 7002]
    assert {found[f"echo-{n}"].resources.memory for n in (1, 2, 3)} == {256 * 1024**2}
    assert {found[f"echo-{n}"].declared for n in (1, 2, 3)} == {"echo"}


def test_replicas_are_one_upstream_of_the_front_door() -> None:
    nginx = services("supervisord")["nginx"]
    assert configuration(nginx).count("location /echo/ {") == 1
    assert configuration(nginx).count("upstream echo {") == 1
    assert "least_conn;" in configuration(nginx)
    for port in (7000, 7001, 7002):
        assert f"server 127.0.0.1:{port} max_fails=2 fail_timeout=5s;" in configuration(nginx)
        assert f"server 127.0.0.1:{port} max_fails=0 backup;" in configuration(nginx)
    assert set(nginx.needs) == {"echo-1", "echo-2", "echo-3"}


def test_containers_of_replicas_share_a_name_and_a_port() -> None:
    found = services("docker")
    assert {found[f"echo-{n}"].ports[0].number for n in (1, 2, 3)} == {7000}
    assert "set $upstream echo:7000;" in configuration(found["nginx"])
    recorder = record(values("docker", {"postgres": {}, "echo": {"replicas": 2, "port": 7000}}))
    container = recorder.named("echo-2-container", "docker:index/container:Container")
    assert container.inputs["networksAdvanced"][0]["aliases"] == ["echo-2", "echo"]


def test_replicas_are_inside_one_component() -> None:
    recorder = record(values("supervisord", {"postgres": {}, "echo": {"replicas": 2}}))
    component = recorder.named("echo", "hearth:service:Echo")
    names = {found.name for found in recorder.below(component)}
    assert {"echo-1", "echo-2"} <= names
    assert component.outputs["ready"]


def test_replicas_share_a_database() -> None:
    roles = "".join(file.content for file in services("supervisord")["postgres"].files)
    assert roles.count('CREATE DATABASE "echo"') == 1


def test_every_port_is_looked_at_beforehand() -> None:
    config = load_stack_config(values("supervisord", {"echo": {"replicas": 3, "port": 7000}}))
    assert listening(config) == [7000, 7001, 7002]


def test_a_service_without_a_port_has_no_endpoint_and_is_asked_by_nobody() -> None:
    stack = values("supervisord", {"postgres": {}, "prometheus": {}, "blackbox-exporter": {}, "echo": {}})
    found = {spec.name: spec for spec in plan(stack).services}
    assert found["echo"].ports == ()
    assert "echo" not in configuration(found["prometheus"])
    assert record(stack).named("echo", "hearth:service:Echo").outputs.get("endpoint") is None


@pytest.mark.parametrize(
    ("services", "message"),
    [
        ({"echo": {"replicas": 2}, "echo-2": {"type": "echo"}}, r"replica called echo-2, as another service"),
        ({"e" * 24: {"type": "echo", "replicas": 2}}, r"a name of at most 23 characters"),
        ({"echo": {"replicas": 2, "port": 65535}}, r"echo\.port: must be 65534 or less"),
        ({"echo": {"replicas": 2, "port": 7000, "publish": True}}, r"publish is for one"),
        ({"echo": {"replicas": 2, "port": 5431}}, r"5432 is taken by .* give (echo|postgres) another port"),
        ({"echo": {"replicas": 2, "memory": "9GiB"}}, r"take \d\S+ from each echo \(memory: \d+MiB\)"),
    ],
)
def test_replicas_that_cannot_be_are_refused(services: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        plan(values("supervisord", {"postgres": {}, **services}))
