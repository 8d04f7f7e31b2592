"""A tiny embeddings model in ONNX, made from a fixed seed, and what it must answer.

A vector a word, mixed by one layer; the tokenizer knows single words. Its form is the hub's:
model.onnx, tokenizer.json, config.json.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

WORDS = ("[PAD]", "[UNK]", "red", "green", "blue", "warm", "cold")
WIDTH, LONGEST = 8, 16
_RANDOM = np.random.default_rng(7)
_VECTORS = _RANDOM.normal(size=(len(WORDS), WIDTH)).astype(np.float32)
_LAYER = _RANDOM.normal(size=(WIDTH, WIDTH)).astype(np.float32)


def write(directory: Path, pooling: str = "mean_tokens") -> None:
    """The model's files."""
    names = [TensorProto.INT64, ["texts", "tokens"]]
    graph = helper.make_graph(
        [
            helper.make_node("Gather", ["vectors", "input_ids"], ["looked_up"]),
            helper.make_node("MatMul", ["looked_up", "layer"], ["mixed"]),
            helper.make_node("Tanh", ["mixed"], ["last_hidden_state"]),
        ],
        "tiny",
        [helper.make_tensor_value_info(name, *names) for name in ("input_ids", "attention_mask")],
        [helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, ["texts", "tokens", WIDTH])],
        [numpy_helper.from_array(_VECTORS, "vectors"), numpy_helper.from_array(_LAYER, "layer")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    (directory / "1_Pooling").mkdir(parents=True)
    onnx.save(model, directory / "model.onnx")
    words = {"type": "WordLevel", "vocab": {word: n for n, word in enumerate(WORDS)}, "unk_token": "[UNK]"}
    described = {
        # https://huggingface.co/docs/tokenizers/api/models#tokenizers.models.WordLevel
        "tokenizer.json": {"version": "1.0", "pre_tokenizer": {"type": "Whitespace"}, "model": words},
        "config.json": {
            "architectures": ["BertModel"],
            "model_type": "bert",
            "max_position_embeddings": LONGEST,
        },
        "1_Pooling/config.json": {f"pooling_mode_{pooling}": True},
    }
    for name, content in described.items():
        (directory / name).write_text(json.dumps(content))


def expected(text: str) -> np.ndarray:
    """The vector of a text, by arithmetic: the mean of its words' states, of length 1."""
    ids = [WORDS.index(word) if word in WORDS else 1 for word in text.split()][:LONGEST]
    mean = np.tanh(_VECTORS[ids] @ _LAYER).mean(0)
    return mean / np.linalg.norm(mean)
