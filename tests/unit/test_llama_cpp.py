"""llama.cpp: model, threads, context and memory follow from the settings."""

from __future__ import annotations

from typing import Any

import pytest
from support.stacks import GIB, MIB, plan, values

from components.catalog import entries
from components.errors import ConfigurationError
from components.models import declared, gguf_footprint
from components.spec import ServiceSpec

MODEL = "Llama-3.2-3B-Instruct-Q4_K_M.gguf"


def llama(runtime: str = "docker", **settings: Any) -> ServiceSpec:
    keys = {key.replace("_", "-"): value for key, value in settings.items()}
    return plan(values(runtime, {"llama-cpp": keys})).service("llama-cpp")


def option(spec: ServiceSpec, name: str) -> str:
    return spec.process.argv[spec.process.argv.index(name) + 1]


@pytest.mark.parametrize(
    ("model", "name", "value"),
    [
        ("tiny.gguf", "--model", "/var/lib/hearth/tiny.gguf"),
        ("/models/tiny.gguf", "--model", "/models/tiny.gguf"),
        ("https://example.org/tiny.gguf", "--model-url", "https://example.org/tiny.gguf"),
        ("ggml-org/tiny-GGUF:Q8_0", "--hf-repo", "ggml-org/tiny-GGUF:Q8_0"),
    ],
)
def test_a_model_is_a_file_or_an_address_or_a_repository(model: str, name: str, value: str) -> None:
    spec = llama(model=model)
    assert option(spec, name) == value
    assert ("egress" in spec.networks) is (name != "--model")


@pytest.mark.parametrize("model", ["", "tiny.bin", "http://example.org/a.gguf", "a/b/c", "a b.gguf"])
def test_another_model_is_refused(model: str) -> None:
    with pytest.raises(ConfigurationError, match=r"hearth:services\.llama-cpp\.model"):
        llama(model=model)


@pytest.mark.parametrize(
    ("cpus", "threads"), [(None, "8"), (2, "2"), ("2500m", "2"), ("500m", "1"), (8, "8")]
)
def test_threads_are_the_cores_that_it_may_use(cpus: Any, threads: str) -> None:
    spec = llama(**({} if cpus is None else {"cpus": cpus}))
    assert option(spec, "--threads") == option(spec, "--threads-batch") == threads


def test_every_slot_has_the_whole_context_of_a_request() -> None:
    spec = llama(parallel=3, context_length=2048)
    assert option(spec, "--parallel") == "3"
    assert option(spec, "--ctx-size") == "6144"
    assert "--no-kv-unified" in spec.process.argv


def test_earlier_prompts_take_no_memory_that_was_not_planned() -> None:
    assert option(llama(), "--cache-ram") == "0"
    kept = llama(model=MODEL, prompt_cache="512MiB")
    assert option(kept, "--cache-ram") == "512"
    assert kept.resources.memory - llama(model=MODEL).resources.memory == 512 * MIB


def test_memory_is_what_the_model_needs() -> None:
    one = llama(model=MODEL).resources
    assert 2 * GIB < one.memory < 3 * GIB
    assert 0 < one.memory - one.gpu_memory <= 128 * MIB
    assert llama(model=MODEL, parallel=4).resources.memory > one.memory
    assert llama(model=MODEL.replace("Q4_K_M", "F16")).resources.memory > 2 * one.memory


def test_too_little_memory_is_refused_with_what_to_do() -> None:
    with pytest.raises(ConfigurationError) as refused:
        llama(model=MODEL, memory="1GiB")
    assert "memory 1GiB does not hold its model, which needs 2." in str(refused.value)
    assert "context-length" in str(refused.value)


def test_a_model_of_unknown_size_is_noted() -> None:
    (note,) = llama(model="own.gguf").notes
    assert note.startswith("own.gguf: size unknown")
    assert not llama(model="own.gguf", weights="400MiB").notes


def test_models_together_must_fit_the_gpu() -> None:
    stack = {"llama-cpp": {"model": MODEL}, "ollama": {"models": ["llama3.2:3b"]}}
    with pytest.raises(ConfigurationError, match=r"models need .* \(llama-cpp .*ollama .*\)"):
        plan(values("docker", stack, host={"gpu-memory": "4GiB"}))


def test_a_key_is_a_file_and_closes_the_metrics() -> None:
    spec = llama(api_key=True)
    (file,) = spec.files
    assert option(spec, "--api-key-file") == file.path
    assert file.secrets
    asked = entries()["llama-cpp"]
    closed, seen = (asked.requests(asked.settings(**{"api-key": key})) for key in (True, False))
    assert closed.scrapes == closed.panels == closed.rules == ()
    assert seen.scrapes
    assert {panel.group for panel in seen.panels} == {"inference"}
    assert not llama().files


def test_loading_has_its_time() -> None:
    assert llama(load_timeout="20m").health.start_period == 1200


@pytest.mark.parametrize(
    ("name", "gigabytes"),
    [
        ("Llama-3.1-8B-Instruct-Q4_K_M.gguf", 4.9),
        ("mistral-7b-v0.1.Q5_K_M.gguf", 5.0),
        ("https://example.org/files/Qwen2.5-0.5B-Instruct-Q8_0.gguf", 0.53),
        ("bartowski/Qwen2.5-14B-Instruct-GGUF:IQ4_XS", 7.8),
        ("ggml-org/gemma-3-4b-it-GGUF", 2.44),
        ("tiny-1b-f16.gguf", 2.0),
    ],
)
def test_a_file_name_tells_the_size(name: str, gigabytes: float) -> None:
    assert gguf_footprint(name).weights == pytest.approx(gigabytes * 1e9, rel=0.05)


def test_a_file_name_without_a_size_tells_nothing() -> None:
    assert gguf_footprint("model.gguf") is None
    assert declared(None, None, None) is None
    assert declared(None, 5, None).weights == 5
