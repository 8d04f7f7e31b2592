"""How much memory a language model takes: weights, key-value cache, graph.

Weights of known models are the sizes of the default (Q4_K_M) files in Ollama's library. The cache
holds, for each token of context, one key and one value vector per layer and key-value head in 16-bit
floats: ``2 * layers * kv_heads * head_size * 2`` bytes (architecture figures: the models' own cards).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from components.units import format_bytes

GIB = 1024**3
MIB = 1024**2
# Bits a weight takes on average in each form (llama.cpp, tools/quantize/README.md).
_BITS = {
    "q2_k": 3.16, "q3_k_s": 3.64, "q3_k_m": 4.0, "q3_k_l": 4.3, "iq4_xs": 4.46, "iq4_nl": 4.68, "q4_0": 4.66,
    "q4_k_s": 4.67, "q4_k_m": 4.89, "q5_0": 5.57, "q5_k_s": 5.57, "q5_k_m": 5.7, "q6_k": 6.56, "q8_0": 8.5,
    "f16": 16.0, "bf16": 16.0, "f32": 32.0,
}  # fmt: skip
_USUAL = "q4_k_m"
# What a runner takes beside weights and cache: compute graph, buffers, the process itself.
_RUNNER = 300 * MIB


@dataclass(frozen=True)
class Footprint:
    """Bytes of weights, and bytes of cache for one token of context."""

    weights: int
    cache_per_token: int

    def loaded(self, context_length: int, parallel: int) -> int:
        """Bytes while loaded and serving ``parallel`` requests of ``context_length`` tokens."""
        return self.weights + self.cache_per_token * context_length * parallel + _RUNNER


def _cache(layers: int, kv_heads: int, head_size: int) -> int:
    return 2 * layers * kv_heads * head_size * 2


_KNOWN = {
    "llama3.2:1b": Footprint(int(1.3e9), _cache(16, 8, 64)),
    "llama3.2:3b": Footprint(int(2.0e9), _cache(28, 8, 128)),
    "llama3.1:8b": Footprint(int(4.9e9), _cache(32, 8, 128)),
    "llama2:7b": Footprint(int(3.8e9), _cache(32, 32, 128)),
    "codellama:7b": Footprint(int(3.8e9), _cache(32, 32, 128)),
    "mistral:7b": Footprint(int(4.1e9), _cache(32, 8, 128)),
    "phi3:mini": Footprint(int(2.2e9), _cache(32, 32, 96)),
    "qwen2.5:0.5b": Footprint(int(0.4e9), _cache(24, 2, 64)),
    "qwen2.5:7b": Footprint(int(4.7e9), _cache(28, 4, 128)),
    "tinyllama:1.1b": Footprint(int(0.64e9), _cache(22, 4, 64)),
    "nomic-embed-text": Footprint(int(0.28e9), 0),
}  # fmt: skip
_DEFAULT_TAG = {
    "llama3.2": "3b", "llama3.1": "8b", "llama2": "7b", "codellama": "7b", "mistral": "7b",
    "qwen2.5": "7b", "tinyllama": "1.1b", "phi3": "mini",
}  # fmt: skip
_PARAMETERS = re.compile(r"(?:^|[-_])(\d+(?:\.\d+)?)([bm])(?:$|[-_])")


def footprint(model: str) -> Footprint | None:
    """What is known or can be told from the size in the tag (``:7b``); else ``None``."""
    name, _, tag = model.lower().partition(":")
    if tag in ("", "latest"):
        tag = _DEFAULT_TAG.get(name, "")
    known = _KNOWN.get(f"{name}:{tag}" if tag else name)
    if known:
        return known
    return _estimate(tag, _USUAL)


def gguf_footprint(file: str) -> Footprint | None:
    """What the name of a GGUF file tells: ``Llama-3.2-3B-Instruct-Q5_K_M.gguf``; else ``None``.

    An address or a hub's ``owner/repository:FORM`` will do as well; without a form it is Q4_K_M.
    """
    name = file.rpartition("/")[2].lower().removesuffix(".gguf")
    forms = [form for form in re.findall(r"i?q\d_[a-z0-9_]+|bf16|f16|f32", name) if form in _BITS]
    return _estimate(re.sub(r"[.:](?=[a-z])", "-", name), forms[-1] if forms else _USUAL)


def declared(known: Footprint | None, weights: int | None, cache_per_token: int | None) -> Footprint | None:
    """What the owner says of a model, completed by what is known of it."""
    if weights is None:
        return known
    return Footprint(weights, cache_per_token or (known.cache_per_token if known else 128 * 1024))


@dataclass(frozen=True)
class Load:
    """What a server of several models does at once; its largest models count."""

    max_loaded: int
    parallel: int
    context_length: int

    def bytes_of(self, models: Iterable[Footprint | None]) -> int:
        """What the largest models take that may be loaded together; of unknown ones nothing is counted."""
        sizes = (model.loaded(self.context_length, self.parallel) for model in models if model)
        return sum(sorted(sizes, reverse=True)[: self.max_loaded])

    def require(self, memory: int | None, need: int) -> None:
        """Raises ``ValueError`` with the way out where a limit, if there is one, is below the need."""
        if memory is not None and memory < need:
            raise ValueError(
                f"memory {format_bytes(memory)} does not hold its models, which need "
                f"{format_bytes(need)} (weights, and cache for {self.parallel} x "
                f"{self.context_length} tokens, {self.max_loaded} loaded): raise memory, or lower "
                "parallel, max-loaded or context-length, or choose smaller models"
            )


def _estimate(name: str, form: str) -> Footprint | None:
    size = _PARAMETERS.search(name)
    if size is None:
        return None
    billions = float(size[1]) * (1 if size[2] == "b" else 0.001)
    # Grouped-query models of 7 to 8 billion weights keep 128 KiB a token; it grows with the root.
    return Footprint(int(billions * 1e9 * _BITS[form] / 8), int(128 * 1024 * (billions / 8) ** 0.5))
