"""Embeddings from an ONNX model, for machines that have no build of Text Embeddings Inference.

It takes the options of that program, and answers the one request that this platform makes of it:
https://huggingface.github.io/text-embeddings-inference/
"""

import argparse
import base64
import json
import os
import threading
from pathlib import Path

import numpy as np
import onnxruntime
import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, Histogram, generate_latest
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from tokenizers import Tokenizer

FILES = ("*.json", "1_Pooling/*", "model.onnx*", "onnx/model.onnx*")
POOLING = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_lasttoken": "last-token",
}
BUCKETS = [1e-5 * 1.5**number for number in range(1, 36)]
DURATION = Histogram("te_request_duration", "Seconds that a request takes", buckets=BUCKETS)


class Model:
    """A directory of the hub's form: ``model.onnx``, ``tokenizer.json``, ``config.json``."""

    def __init__(self, place, pool, batch_tokens):
        told = {name: read(place / name) for name in ("config.json", "1_Pooling/config.json")}
        said = [name for key, name in POOLING.items() if told["1_Pooling/config.json"].get(key)]
        self.pool = pool or (said or ["mean"])[0]
        config = told["config.json"]
        length = config.get("max_position_embeddings", 512)
        if config.get("model_type") in ("xlm-roberta", "camembert", "roberta"):
            length -= config.get("pad_token_id", 0) + 1
        length = read(place / "sentence_bert_config.json").get("max_seq_length", length)
        self.batch_tokens = batch_tokens
        self.tokenizer = Tokenizer.from_file(str(place / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(min(length, batch_tokens))
        how = onnxruntime.SessionOptions()
        how.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS", "0"))
        path = next(p for p in (place / "model.onnx", place / "onnx/model.onnx") if p.is_file())
        self.session = onnxruntime.InferenceSession(path, how, providers=["CPUExecutionProvider"])
        self.inputs = [found.name for found in self.session.get_inputs()]
        self.turn = threading.Lock()  # one batch at a time has all threads

    def embed(self, texts):
        """A vector of length 1 a text, and the number of tokens."""
        encoded = self.tokenizer.encode_batch(texts)
        vectors = [None] * len(texts)
        with self.turn:
            for batch in batches([len(text.ids) for text in encoded], self.batch_tokens):
                for number, vector in zip(batch, self.run([encoded[n].ids for n in batch]), strict=True):
                    vectors[number] = vector
        return vectors, sum(len(text.ids) for text in encoded)

    def run(self, texts):
        lengths = np.array([max(1, len(ids)) for ids in texts])
        shape = (len(texts), lengths.max())
        ids, mask = np.zeros(shape, np.int64), np.arange(shape[1]) < lengths[:, None]
        for row, tokens in enumerate(texts):
            ids[row, : len(tokens)] = tokens
        known = {
            "input_ids": ids,
            "attention_mask": mask.astype(np.int64),
            "token_type_ids": np.zeros_like(ids),
        }
        states = self.session.run(None, {name: known[name] for name in self.inputs})[0]
        if states.ndim == 3:  # a state a token
            if self.pool == "mean":
                states = (states * mask[:, :, None]).sum(1) / lengths[:, None]
            else:
                states = states[np.arange(shape[0]), 0 if self.pool == "cls" else lengths - 1]
        return states / np.maximum(np.linalg.norm(states, axis=1, keepdims=True), 1e-12)


def read(path):
    return json.loads(path.read_text()) if path.is_file() else {}


def batches(lengths, limit):
    """Numbers of texts of like length, at most ``limit`` tokens with their padding."""
    batch = []
    for number in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and (len(batch) + 1) * lengths[number] > limit:
            yield batch
            batch = []
        batch.append(number)
    yield batch


def application(model, name, most):
    async def embeddings(request):
        try:
            body = json.loads(await request.body())
            texts = [body["input"]] if isinstance(body["input"], str) else list(body["input"])
        except (ValueError, KeyError, TypeError):
            return refused(422, "the body must be JSON with an `input`: a text, or a list of texts")
        if not texts or not all(isinstance(text, str) and text for text in texts):
            return refused(422, "`input` must be a text, or a list of texts, and none of them empty")
        if len(texts) > most:
            return refused(413, f"batch size {len(texts)} > maximum allowed batch size {most}")
        with DURATION.time():
            vectors, tokens = await run_in_threadpool(model.embed, texts)
        raw = body.get("encoding_format") == "base64"
        written = [
            base64.b64encode(v.astype("<f4").tobytes()).decode() if raw else v.tolist() for v in vectors
        ]
        data = [{"object": "embedding", "embedding": v, "index": n} for n, v in enumerate(written)]
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return JSONResponse({"object": "list", "data": data, "model": name, "usage": usage})

    def refused(status, reason):
        return JSONResponse({"message": reason, "code": status, "type": "validation"}, status)

    async def metrics(request):
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    async def health(request):
        return Response()

    paths = {"/health": health, "/metrics": metrics}
    posted = Route("/v1/embeddings", embeddings, methods=["POST"])
    return Starlette(routes=[posted, *(Route(path, answer) for path, answer in paths.items())])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model-id", required=True)
    parser.add_argument("--hostname", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--pooling", choices=POOLING.values())
    parser.add_argument("--huggingface-hub-cache")
    parser.add_argument("--tokenization-workers")  # RAYON_NUM_THREADS says the same
    parser.add_argument("--max-batch-tokens", type=int, default=16384)
    parser.add_argument("--max-client-batch-size", type=int, default=32)
    parser.add_argument("--max-concurrent-requests", type=int, default=512)
    given = parser.parse_args()
    place = Path(given.model_id)
    if not place.is_dir():
        from huggingface_hub import snapshot_download

        cache = given.huggingface_hub_cache
        place = Path(snapshot_download(given.model_id, cache_dir=cache, allow_patterns=FILES))
    model = Model(place, given.pooling, given.max_batch_tokens)
    uvicorn.run(
        application(model, given.model_id, given.max_client_batch_size),
        host=given.hostname,
        port=given.port,
        limit_concurrency=given.max_concurrent_requests,
        log_level="warning",
    )


if __name__ == "__main__":
    main()
