"""Ollama: models, memory and environment."""

from __future__ import annotations

from typing import Any

import pytest
from support.stacks import GIB, MIB, plan, values

from components.config import load_stack_config
from components.errors import ConfigurationError
from components.models import footprint
from components.spec import ServiceSpec


def ollama(runtime: str = "docker", **settings: Any) -> ServiceSpec:
    keys = {key.replace("_", "-"): value for key, value in settings.items()}
    return plan(values(runtime, {"ollama": keys})).service("ollama")


def refused(**settings: Any) -> str:
    with pytest.raises(ConfigurationError) as error:
        ollama(**settings)
    return str(error.value)


def test_every_setting_reaches_the_server() -> None:
    env = ollama(
        memory="8GiB",
        parallel=3,
        max_loaded=2,
        max_queue=7,
        context_length=8192,
        load_timeout="2m",
        keep_alive="1h",
    ).process.env
    assert env["OLLAMA_NUM_PARALLEL"] == "3"
    assert env["OLLAMA_MAX_LOADED_MODELS"] == "2"
    assert env["OLLAMA_MAX_QUEUE"] == "7"
    assert env["OLLAMA_CONTEXT_LENGTH"] == "8192"
    assert env["OLLAMA_LOAD_TIMEOUT"] == "120s"
    assert env["OLLAMA_KEEP_ALIVE"] == "3600s"


def test_it_binds_where_its_runtime_says() -> None:
    assert ollama("docker", port=1234).process.env["OLLAMA_HOST"] == "0.0.0.0:1234"
    assert ollama("supervisord", port=1234).process.env["OLLAMA_HOST"] == "127.0.0.1:1234"


def test_models_are_kept_in_its_volume() -> None:
    spec = ollama()
    (volume,) = spec.volumes
    assert spec.process.env["OLLAMA_MODELS"].startswith(f"{volume.path}/")


def test_a_model_of_known_size_sets_the_memory() -> None:
    model = footprint("llama3.1:8b")
    memory = ollama(models=["llama3.1:8b"]).resources.memory
    assert model.loaded(4096, 1) < memory < model.loaded(4096, 1) + GIB


def test_only_the_largest_models_that_are_loaded_at_once_count() -> None:
    one = ollama(models=["llama3.1:8b", "llama3.2:3b", "llama3.2:1b"]).resources.memory
    assert one == ollama(models=["llama3.1:8b"]).resources.memory
    two = ollama(models=["llama3.1:8b", "llama3.2:3b", "llama3.2:1b"], max_loaded=2).resources.memory
    assert two - one == footprint("llama3.2:3b").loaded(4096, 1)


def test_memory_that_does_not_hold_the_models_is_refused_with_what_they_need() -> None:
    message = refused(models=["llama3.1:8b"], memory="2GiB")
    assert "hearth:services.ollama" in message
    assert "memory 2GiB does not hold its models, which need 5." in message


@pytest.mark.parametrize("more", [{"parallel": 8}, {"context_length": 65536}, {"max_loaded": 2}])
def test_more_at_once_needs_more_memory(more: dict) -> None:
    models = ["llama3.1:8b", "llama3.2:3b"]
    ollama(models=models, memory="6GiB")
    assert "does not hold" in refused(models=models, memory="6GiB", **more)


def test_a_declared_size_is_believed() -> None:
    assert "does not hold" in refused(models=[{"name": "own", "weights": "4GiB"}], memory="3GiB")
    ollama(models=[{"name": "own", "weights": "1GiB", "cache-per-token": 1024}], memory="2GiB")


def test_a_model_of_unknown_size_is_noted() -> None:
    (note,) = ollama(models=["own"]).notes
    assert note.startswith("own: size unknown")


def test_more_preloaded_models_than_may_be_loaded_are_refused() -> None:
    models = [{"name": "llama3.2:1b", "preload": True}, {"name": "llama3.2:3b", "preload": True}]
    assert "2 models are preloaded and max-loaded is 1" in refused(models=models)
    ollama(models=models, max_loaded=2)


def test_models_are_pulled_once_and_a_hub_out_of_reach_fails_nothing() -> None:
    spec = ollama(models=["llama3.2:1b", {"name": "nomic-embed-text", "preload": True}])
    assert [task.name for task in spec.tasks] == [
        "model llama3.2:1b",
        "model nomic-embed-text",
        "preload nomic-embed-text",
    ]
    assert all(task.optional for task in spec.tasks)
    assert spec.tasks[0].argv[-1] == "llama3.2:1b"


def test_a_model_may_be_a_name_or_a_mapping() -> None:
    by_name = load_stack_config(values("docker", {"ollama": {"models": ["a:1b"]}}))
    by_mapping = load_stack_config(values("docker", {"ollama": {"models": [{"name": "a:1b"}]}}))
    assert by_name.services == by_mapping.services


@pytest.mark.parametrize("name", ["a;b", "$(id)", "a b", "-h", "a:b:c", "", "a\n"])
def test_a_name_that_a_shell_or_a_command_line_would_misread_is_refused(name: str) -> None:
    assert "hearth:services.ollama.models.0.name" in refused(models=[name])


def test_without_models_it_still_has_room() -> None:
    assert ollama().resources.memory >= 512 * MIB


def test_two_operations_with_two_models_that_are_loaded_from_the_start() -> None:
    models = [{"name": name, "preload": True} for name in ("llama2:7b", "codellama:7b")]
    settings = {
        "parallel": 2,
        "max_loaded": 2,
        "load_timeout": "10m",
        "keep_alive": "5m",
        "context_length": 2048,
    }
    spec = ollama(models=models, **settings)
    told = {key.removeprefix("OLLAMA_"): value for key, value in spec.process.env.items()}
    assert (told["NUM_PARALLEL"], told["MAX_LOADED_MODELS"]) == ("2", "2")
    assert (told["LOAD_TIMEOUT"], told["KEEP_ALIVE"]) == ("600s", "300s")
    loads = [task for task in spec.tasks if task.name.startswith("preload ")]
    assert [task.argv[-2] for task in loads] == ["llama2:7b", "codellama:7b"]
    assert {task.timeout for task in loads} == {600}
