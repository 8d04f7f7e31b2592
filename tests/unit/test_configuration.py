"""What a stack file may say, and how it is refused."""

from __future__ import annotations

from typing import Any

import pytest
from support.stacks import GIB, MIB, REPOSITORY, stack_file, values

from components.catalog import entry_of
from components.config import load_stack_config
from components.errors import ConfigurationError


def problems(stack: dict[str, Any]) -> dict[str, str]:
    """Path to message of everything wrong with ``stack``."""
    with pytest.raises(ConfigurationError) as refused:
        load_stack_config(stack)
    return {problem.path: problem.message for problem in refused.value.problems}


def services(**settings: Any) -> dict[str, str]:
    return problems(values("docker", settings))


@pytest.mark.parametrize("name", sorted(path.name.split(".")[1] for path in REPOSITORY.glob("Pulumi.*.yaml")))
def test_the_stack_files_load(name: str) -> None:
    config = load_stack_config(stack_file(name))
    assert set(config.services) == set(stack_file(name)["services"])


def test_sizes_and_dashed_keys_become_typed_values() -> None:
    config = load_stack_config(
        values("docker", {"ollama": {"memory": "6GiB", "max-loaded": 2, "cpus": "1500m"}})
    )
    ollama = config.services["ollama"]
    assert (ollama.memory, ollama.max_loaded, ollama.cpus) == (6 * GIB, 2, 1.5)


def test_a_service_without_settings_gets_its_defaults() -> None:
    assert load_stack_config(values("docker", {"redis": None})).services["redis"].memory == 256 * MIB


def test_an_absent_service_is_off() -> None:
    assert set(load_stack_config(values("docker", {"redis": {}})).services) == {"redis"}


def test_a_second_service_of_a_kind_has_a_name_of_its_own() -> None:
    config = load_stack_config(values("docker", {"redis": {}, "cache": {"type": "redis", "port": 6380}}))
    assert {name: entry_of(settings).name for name, settings in config.services.items()} == {
        "redis": "redis",
        "cache": "redis",
    }
    assert config.services["cache"].port == 6380


def test_values_are_frozen() -> None:
    config = load_stack_config(values("docker", {"redis": {}}))
    with pytest.raises(ValueError, match="frozen"):
        config.services["redis"].port = 1


def test_an_unknown_key_is_refused_with_its_path_and_the_known_ones() -> None:
    found = services(redis={"memroy": "1GiB"})
    assert list(found) == ["hearth:services.redis.memroy"]
    assert "unknown key" in found["hearth:services.redis.memroy"]
    assert "memory" in found["hearth:services.redis.memroy"]
    assert "max-connections" in services(postgres={"x": 1})["hearth:services.postgres.x"]


def test_an_unknown_key_of_the_stack_is_refused() -> None:
    assert list(problems({**values("docker", {}), "runtim": "docker"})) == ["hearth:runtim"]


def test_an_unknown_service_is_refused_with_the_known_ones() -> None:
    message = services(memcached={})["hearth:services.memcached"]
    assert "'memcached' is no service" in message
    assert "redis" in message


@pytest.mark.parametrize(
    "name", ["Redis", "a b", "../up", "", "-x", "9lives", "x" * 26, "a.b", "a\nb", "bin", "secrets"]
)
def test_a_name_that_cannot_name_files_and_accounts_is_refused(name: str) -> None:
    assert list(services(**{name: {"type": "redis"}})) == [f"hearth:services.{name}"]


@pytest.mark.parametrize(
    ("settings", "path", "shown"),
    [
        ({"memory": "lots"}, "memory", "'lots'"),
        ({"memory": -1}, "memory", "-1"),
        ({"memory": 0}, "memory", "0"),
        ({"memory": "1MiB"}, "memory", "'1MiB'"),
        ({"memory": [1]}, "memory", "[1]"),
        ({"cpus": "half"}, "cpus", "'half'"),
        ({"cpus": 0}, "cpus", "0"),
        ({"port": 0}, "port", "0"),
        ({"port": 65536}, "port", "65536"),
        ({"port": "http"}, "port", "'http'"),
        ({"port": True}, "port", "True"),
        ({"publish": "perhaps"}, "publish", "'perhaps'"),
        ({"policy": "random"}, "policy", "'random'"),
    ],
)
def test_a_wrong_value_is_refused_with_path_and_value(settings: dict, path: str, shown: str) -> None:
    message = services(redis=settings)[f"hearth:services.redis.{path}"]
    assert message.startswith(f"{shown} is refused: ")


def test_values_inside_lists_have_a_path_too() -> None:
    assert "hearth:services.postgres.databases.1.name" in services(
        postgres={"databases": [{"name": "a"}, {"name": "B!"}]}
    )
    assert "hearth:services.ollama.models.0.name" in services(ollama={"models": ["no spaces"]})


@pytest.mark.parametrize(
    "stack", [{"services": {}}, {"runtime": None, "services": {}}, {"runtime": "vms", "services": {}}]
)
def test_a_stack_names_a_known_runtime(stack: dict) -> None:
    assert list(problems(stack)) == ["hearth:runtime"]


@pytest.mark.parametrize("value", ["redis", ["redis"], 3, None])
def test_services_are_a_mapping(value: Any) -> None:
    assert "mapping" in problems({"runtime": "docker", "services": value})["hearth:services"]


@pytest.mark.parametrize("value", ["256MiB", 256, ["memory"], True])
def test_a_service_is_a_mapping(value: Any) -> None:
    assert "key: value" in services(redis=value)["hearth:services.redis"]


@pytest.mark.parametrize("kind", [["redis"], {"a": 1}, 3, None, True])
def test_a_type_that_is_no_name_is_refused(kind: Any) -> None:
    assert "is no service" in services(cache={"type": kind})["hearth:services.cache"]


def test_images_with_services_that_are_none() -> None:
    assert "hearth:services" in problems({"runtime": "docker", "services": 3, "images": {"redis": "r:1"}})


def test_the_figures_of_the_host_are_checked_once_each() -> None:
    found = problems({**values("docker", {}), "host": {"memory": "much", "cpus": -1, "reserve": None}})
    assert sorted(found) == ["hearth:host.cpus", "hearth:host.memory", "hearth:host.reserve"]
    assert "auto" in found["hearth:host.memory"]


def test_an_image_for_nobody_is_refused() -> None:
    found = problems(values("docker", {"redis": {}}, images={"postgres": "p:1"}))
    assert list(found) == ["hearth:images.postgres"]


@pytest.mark.parametrize(
    "data",
    ["relative", "/a b", "/it's", "/a\nb", "/100%", "/a;b", '/a"b', "/$HOME", "/a{b}", "/../etc", "/a:b"],
)
def test_a_data_directory_that_some_configuration_format_would_misread_is_refused(data: str) -> None:
    assert list(problems(values("docker", {}, data=data))) == ["hearth:data"]


def test_everything_wrong_is_said_at_once() -> None:
    stack = values(
        "docker",
        {"redis": {"memory": "lots", "port": 0}, "nope": {}, "postgres": {"max-connections": "x"}},
        host={"cpus": "many"},
        extra=1,
    )
    found = problems(stack)
    assert {
        "hearth:extra",
        "hearth:host.cpus",
        "hearth:services.nope",
        "hearth:services.postgres.max-connections",
        "hearth:services.redis.memory",
        "hearth:services.redis.port",
    } == set(found)


def test_the_error_counts_its_problems_and_says_that_nothing_changed() -> None:
    with pytest.raises(ConfigurationError, match="2 problems in the configuration; nothing was changed"):
        load_stack_config(values("docker", {"redis": {"port": 0, "memory": 0}}))


@pytest.mark.parametrize(
    "stack",
    [
        {"redis": {"password": "hunter2hunter2"}},
        {"redis": {"memory": {"password": "hunter2hunter2"}}},
        {"ollama": {"models": [{"token": "hunter2hunter2"}]}},
        {"ollama": {"models": {"api-key": "hunter2hunter2"}}},
        {"secret": "hunter2hunter2"},
        {"redis": ["password=hunter2hunter2", {"password": "hunter2hunter2"}]},
        {"redis": {"type": {"password": "hunter2hunter2"}}},
    ],
)
def test_a_refusal_does_not_repeat_a_secret(stack: dict) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load_stack_config(values("docker", stack))
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("launchd", "advice"),
    [({"scope": "system"}, "an account made beforehand"), ({"account": "me"}, "leave account out")],
)
def test_daemons_need_an_account_and_agents_have_one(launchd: dict[str, str], advice: str) -> None:
    found = problems({"runtime": "launchd", "launchd": launchd, "services": {"redis": {}}})
    assert advice in found["hearth:launchd"]
    both = {"scope": "system", "account": "_hearth"}
    assert (
        load_stack_config({"runtime": "launchd", "launchd": both, "services": {}}).launchd.account
        == "_hearth"
    )
