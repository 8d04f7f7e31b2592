"""The program that Pulumi runs, and one of a user's own."""

from __future__ import annotations

import json
import runpy
from typing import Any

import pulumi
import pytest
from pulumi.runtime.config import CONFIG, set_all_config
from support.mocks import run, visible
from support.stacks import REPOSITORY, facts, values

from components.config import load_stack_config
from components.errors import ConfigurationError
from components.platform import Platform
from components.service import Redis, RedisSettings

SERVICES = {"redis": {"memory": "64MiB"}, "nginx": {"port": 18923}, "ollama": {"memory": "1GiB"}}


@pytest.fixture(autouse=True)
def _restored() -> Any:
    before = CONFIG.get()
    yield
    CONFIG.set(before)


def configure(**stack: Any) -> None:
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in stack.items()}
    set_all_config({f"hearth:{key}": text for key, text in texts.items()})


def program(exported: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(pulumi, "export", exported.__setitem__)

    def start() -> None:
        runpy.run_path(str(REPOSITORY / "__main__.py"))

    return start


def test_the_program_deploys_the_stack_and_exports_its_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    configure(runtime="docker", host={"memory": "4GiB", "cpus": 64}, services=SERVICES)
    exported: dict[str, Any] = {}
    recorder = run(program(exported, monkeypatch))
    assert {found.name for found in recorder.of_type("docker:index/container:Container")} == {
        "redis-container", "nginx-container", "ollama-container",
    }  # fmt: skip
    assert exported["urls"] == {"nginx": "127.0.0.1:18923"}
    assert [row["service"] for row in exported["plan"]["services"]].index("ollama") >= 0


def test_a_refused_stack_ends_the_program_without_a_traceback_or_a_resource(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    configure(runtime="docker", host={"memory": "1GiB"}, services={"redis": {"port": 0}, "nope": {}})
    with pytest.raises(pulumi.RunError, match="2 problems"):
        run(program({}, monkeypatch))
    configure(runtime="docker", host={"memory": "2GiB", "cpus": 64}, services={"redis": {"memory": "9GiB"}})
    with pytest.raises(pulumi.RunError, match=r"hearth:host\.memory"):
        run(program({}, monkeypatch))


def test_the_program_is_short() -> None:
    assert len((REPOSITORY / "__main__.py").read_text().splitlines()) <= 40


def test_a_refused_plan_registers_no_custom_resource() -> None:
    config = load_stack_config(values("docker", {"redis": {"memory": "64GiB"}}))
    recorded = []

    def deploy() -> None:
        with pytest.raises(ConfigurationError):
            Platform.deploy("test", config, facts())
        recorded.append(True)

    assert [found for found in run(deploy) if found.custom] == []
    assert recorded


def test_data_that_other_programs_cannot_read_is_left_to_an_upgrade() -> None:
    config = load_stack_config(values("docker", {"postgres": {"version": 18}}))
    said: list[str] = []

    def deploy() -> None:
        with pytest.raises(ConfigurationError) as refused:
            Platform.deploy("test", config, facts(formats={"postgres": {"17"}}))
        said.extend(map(str, refused.value.problems))

    assert [found for found in run(deploy) if found.custom] == []
    assert said == [
        "hearth:services.postgres: its data is of postgres 17, which programs of 18 cannot read: move it with "
        "`./hearth upgrade postgres`, or ask for that version again"
    ]


@pytest.mark.parametrize("known", [{}, {"postgres": {"18"}}, {"postgres": {"17", "18"}}, {"other": {"17"}}])
def test_data_of_its_own_format_or_on_the_way_there_is_deployed(known: dict[str, set[str]]) -> None:
    config = load_stack_config(values("docker", {"postgres": {"version": 18}}))
    recorder = run(lambda: Platform.deploy("test", config, facts(formats=known)) and None)
    assert recorder.named("postgres-container", "docker:index/container:Container")


def test_a_program_of_ones_own_declares_services_inside_a_platform() -> None:
    config = load_stack_config(values("docker", {}))
    seen: dict[str, str] = {}

    def own() -> None:
        with Platform("mine", config, facts()):
            cache = Redis("cache", RedisSettings(memory="64MiB"))
        cache.endpoint.apply(lambda text: seen.update(endpoint=text))
        cache.secret("cache").apply(lambda text: seen.update(secret=text))
        pulumi.ComponentResource("test:index:Own", "own").register_outputs({"secret": cache.secret("cache")})

    recorder = run(own)
    assert recorder.named("cache", "hearth:service:Redis")
    assert recorder.named("cache-container", "docker:index/container:Container").inputs["memory"] == 64
    assert seen == {"endpoint": "cache:6379", "secret": "made-secret-cache"}
    (own_output,) = recorder.of_type("test:index:Own")
    assert visible(own_output.outputs) == {"secret": None}


def test_a_service_outside_a_platform_is_an_error_that_says_so() -> None:
    with pytest.raises(RuntimeError, match="inside a 'with Platform"):
        run(lambda: Redis("cache"))


def test_a_block_that_fails_creates_nothing_and_closes_the_platform() -> None:
    config = load_stack_config(values("docker", {}))

    def own() -> None:
        with Platform("mine", config, facts()):
            Redis("cache")
            raise KeyError("mistake")

    with pytest.raises(KeyError, match="mistake"):
        run(own)
    with pytest.raises(RuntimeError, match="inside a 'with Platform"):
        run(lambda: Redis("cache"))
