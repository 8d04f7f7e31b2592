"""How much memory a language model takes."""

from __future__ import annotations

import pytest

from components.models import GIB, MIB, footprint


@pytest.mark.parametrize("model", ["llama3.2:3b", "llama3.2", "llama3.2:latest", "LLAMA3.2:3B"])
def test_a_known_model_by_any_of_its_names(model: str) -> None:
    assert footprint(model) == footprint("llama3.2:3b")
    assert footprint(model).weights == 2_000_000_000


def test_the_cache_of_a_known_model_follows_from_its_architecture() -> None:
    # 32 layers, 8 key-value heads of 128, key and value, two bytes each.
    assert footprint("llama3.1:8b").cache_per_token == 2 * 32 * 8 * 128 * 2


@pytest.mark.parametrize("model", ["unknown:13b", "unknown:13b-instruct-q4_K_M", "who/unknown:13B"])
def test_an_unknown_model_is_estimated_from_the_size_in_its_tag(model: str) -> None:
    assert 7 * GIB < footprint(model).weights < 9 * GIB


def test_millions_count_too() -> None:
    assert footprint("unknown:500m").weights < 400 * MIB


@pytest.mark.parametrize("model", ["unknown", "unknown:latest", "unknown:best", ""])
def test_nothing_is_made_up(model: str) -> None:
    assert footprint(model) is None


def test_context_and_parallel_requests_multiply_the_cache() -> None:
    model = footprint("llama3.1:8b")
    one = model.loaded(4096, 1)
    assert model.loaded(4096, 3) - one == 2 * (model.loaded(8192, 1) - one)
    assert model.loaded(8192, 1) - one == 512 * MIB
