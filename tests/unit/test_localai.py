"""LocalAI: its models as it reads them, what it may take, where it keeps things."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from support.stacks import plan, values

from components.errors import ConfigurationError
from components.spec import ServiceSpec

CHAT = {"name": "chat", "file": "Llama-3.2-3B-Instruct-Q4_K_M.gguf"}
SEARCH = {
    "name": "search", "file": "huggingface://nomic-ai/embed/nomic.gguf", "embeddings": True, "weights": "300MiB",
}  # fmt: skip


def localai(runtime: str = "docker", **settings: Any) -> ServiceSpec:
    keys = {key.replace("_", "-"): value for key, value in settings.items()}
    return plan(values(runtime, {"localai": keys})).service("localai")


def models(spec: ServiceSpec) -> list[dict[str, Any]]:
    return yaml.safe_load(spec.files[0].content)


def test_models_are_written_as_it_reads_them() -> None:
    spec = localai(models=[CHAT, SEARCH], parallel=2, context_length=1024, cpus=3)
    assert models(spec) == [
        {
            "name": name, "backend": "llama-cpp", "parameters": {"model": file}, "context_size": 2048, "threads": 3,
            "embeddings": embeddings, "options": ["parallel:2", "kv_unified:false", "cache_ram:0"],
        }
        for name, file, embeddings in (("chat", CHAT["file"], False), ("search", SEARCH["file"], True))
    ]  # fmt: skip
    assert spec.process.env["LOCALAI_MODELS_CONFIG_FILE"] == spec.files[0].path
    assert spec.process.argv == ("local-ai", "run", "--external-backends=llama-cpp")


def test_without_models_it_serves_none() -> None:
    assert models(localai()) == []
    assert localai().process.argv == ("local-ai", "run")


def test_memory_is_for_the_largest_models_that_may_be_loaded_together() -> None:
    one = localai(models=[CHAT, SEARCH]).resources
    assert one.memory == localai(models=[CHAT]).resources.memory
    two = localai(models=[CHAT, SEARCH], max_loaded=2)
    assert two.resources.memory > one.memory
    assert two.resources.memory > two.resources.gpu_memory > 0
    assert two.process.env["LOCALAI_MAX_ACTIVE_BACKENDS"] == "2"
    with pytest.raises(ConfigurationError, match="memory 1GiB does not hold its models"):
        localai(models=[CHAT], memory="1GiB")


def test_a_model_of_unknown_size_is_noted() -> None:
    (note,) = localai(models=[{"name": "own", "file": "own.gguf"}]).notes
    assert note.startswith("own: size unknown")


def test_everything_that_it_writes_is_below_its_data() -> None:
    spec = localai()
    for key, value in spec.process.env.items():
        if key.endswith("_PATH"):
            assert value.startswith("/var/lib/hearth/"), key


def test_a_key_is_read_from_the_directory_of_secrets() -> None:
    spec = localai(api_key=True)
    (key,) = [file for file in spec.files if file.secrets]
    assert key.path == f"{spec.process.env['LOCALAI_CONFIG_DIR']}/api_keys.json"
    assert yaml.safe_load(key.content) == ["@@key@@"]
    assert localai().process.env["LOCALAI_CONFIG_DIR"] == "/etc/hearth"


def test_idle_models_are_unloaded() -> None:
    assert localai(keep_alive="10m").process.env["LOCALAI_WATCHDOG_IDLE_TIMEOUT"] == "600s"
