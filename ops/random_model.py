"""A tiny language model with random weights: it proves the path, and knows nothing.

A llama of two layers over single bytes, made from a fixed seed, so that it is the same file
everywhere. Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import gguf
    import numpy as np

NAME = "hearth-random-weights"
# It never knows when it has said enough.
PARAMETERS = {"temperature": 1.0, "seed": 1, "num_predict": 128}
_SEED = 20240501
_LAYERS, _WIDTH, _HEADS, _INNER, _CONTEXT = 2, 64, 4, 128, 512
_SPECIAL = ("<unk>", "<s>", "</s>")
_VOCABULARY = len(_SPECIAL) + 256
# This part of every state is constant, so that the output layer has a bias, which a llama lacks.
_CONSTANT = 4.0


def content() -> bytes:
    """The model's file."""
    import gguf

    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "model.gguf"
        writer = gguf.GGUFWriter(path, "llama")
        _describe(writer)
        for name, weights in _weights().items():
            writer.add_tensor(name, weights)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return path.read_bytes()


def _describe(writer: gguf.GGUFWriter) -> None:
    from gguf import TokenType

    writer.add_name(NAME)
    writer.add_description("Random weights: the answers are random words, and prove only the path.")
    writer.add_context_length(_CONTEXT)
    writer.add_embedding_length(_WIDTH)
    writer.add_block_count(_LAYERS)
    writer.add_feed_forward_length(_INNER)
    writer.add_head_count(_HEADS)
    writer.add_head_count_kv(_HEADS)
    writer.add_rope_dimension_count(_WIDTH // _HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(_VOCABULARY)
    writer.add_tokenizer_model("llama")
    writer.add_token_list([*_SPECIAL, *(f"<0x{byte:02X}>" for byte in range(256))])
    writer.add_token_scores([0.0] * _VOCABULARY)
    kinds = [TokenType.UNKNOWN, TokenType.CONTROL, TokenType.CONTROL, *[TokenType.BYTE] * 256]
    writer.add_token_types(kinds)
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)


def _weights() -> dict[str, np.ndarray]:
    import numpy as np

    random = np.random.default_rng(_SEED)

    def noise(*shape: int, spread: float = 0.1) -> np.ndarray:
        return random.normal(0, spread, shape).astype(np.float32)

    embedding = noise(_VOCABULARY, _WIDTH, spread=1)
    embedding[:, 0] = _CONSTANT
    output = noise(_VOCABULARY, _WIDTH)
    output[:, 0] = _bias()
    tensors = {
        "token_embd.weight": embedding,
        "output_norm.weight": np.ones(_WIDTH, np.float32),
        "output.weight": output,
    }
    for layer in range(_LAYERS):
        block = {
            "attn_norm": np.ones(_WIDTH, np.float32),
            "attn_q": noise(_WIDTH, _WIDTH),
            "attn_k": noise(_WIDTH, _WIDTH),
            "attn_v": noise(_WIDTH, _WIDTH),
            "attn_output": noise(_WIDTH, _WIDTH),
            "ffn_norm": np.ones(_WIDTH, np.float32),
            "ffn_gate": noise(_INNER, _WIDTH),
            "ffn_up": noise(_INNER, _WIDTH),
            "ffn_down": noise(_WIDTH, _INNER),
        }
        for last in ("attn_output", "ffn_down"):
            block[last][0] = 0  # leaves the constant alone
        tensors |= {f"blk.{layer}.{name}.weight": weights for name, weights in block.items()}
    return tensors


def _bias() -> np.ndarray:
    """Letters and spaces only: any other byte could be half a character, or steer a terminal."""
    import numpy as np

    bias = np.full(_VOCABULARY, -20, np.float32)
    letters = [len(_SPECIAL) + byte for byte in b"abcdefghijklmnopqrstuvwxyz"]
    bias[letters] = 0
    bias[len(_SPECIAL) + ord(" ")] = 0.5
    return bias
