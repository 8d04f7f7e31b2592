"""Inference for real: llama.cpp and embeddings answer through nginx, with the threads that were planned.

The language model has random weights, the embeddings model eight dimensions: they prove the path.
"""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import pytest
from support import onnx_model

from ops import random_model
from tests.e2e.leaks import leaks
from tests.e2e.story import settled
from tests.e2e.workbench import Workbench

NGINX, LLAMA, EMBEDDINGS = 62080, 62012, 62013
DOOR = f"http://127.0.0.1:{NGINX}"
CONTEXT, PARALLEL = 256, 2


@pytest.fixture(scope="module")
def stack(bench: Callable[..., Workbench], scratch: Path) -> Workbench:
    """The stack, up, with both models where their servers look for them."""
    language = scratch / "random.gguf"
    language.write_bytes(random_model.content())
    services = {
        "nginx": {"port": NGINX},
        "llama-cpp": {
            "port": LLAMA, "model": str(language), "weights": "1MiB", "cache-per-token": 1024, "cpus": 1,
            "parallel": PARALLEL, "context-length": CONTEXT, "memory": "512MiB", "api-key": True,
        },
        "embeddings": {
            "port": EMBEDDINGS, "model": "tiny", "cpus": 1, "memory": "512MiB", "batch-texts": 4, "batch-tokens": 128,
        },
    }  # fmt: skip
    config = {"runtime": "supervisord", "host": {"reserve": "512MiB", "cpus": 2}, "services": services}
    made = bench("inferring", config)
    onnx_model.write(made.root / "embeddings" / "data" / "tiny")
    made.up()
    return made


def process(stack: Workbench, service: str) -> psutil.Process:
    """The process that works in the service's directory."""
    for found in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if f"{found.cwd()}/".startswith(f"{stack.root}/{service}/"):
                return found
    raise AssertionError(f"no process of {service}")


def llama(stack: Workbench, path: str, body: dict[str, Any] | None = None, **more: Any) -> httpx.Response:
    """Ask llama.cpp through the front door, with the stack's key."""
    headers = {"Authorization": f"Bearer {stack.secret('llama-cpp')}"}
    how = {"headers": headers, "timeout": 60, **more}
    method = "GET" if body is None else "POST"
    return httpx.request(method, f"{DOOR}/llama/{path}", json=body, **how)


def embed(texts: str | list[str], **more: Any) -> httpx.Response:
    return httpx.post(f"{DOOR}/embeddings/v1/embeddings", json={"input": texts, **more}, timeout=60)


def test_a_prompt_is_continued(stack: Workbench) -> None:
    answer = llama(stack, "completion", {"prompt": "once upon", "n_predict": 24, "ignore_eos": True}).json()
    assert len(answer["content"]) > 8
    assert answer["tokens_predicted"] == 24


def test_a_chat_is_answered_in_pieces(stack: Workbench) -> None:
    body = {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 16, "stream": True}
    lines = [line[6:] for line in llama(stack, "v1/chat/completions", body).text.splitlines() if line]
    assert lines[-1] == "[DONE]"
    words = [json.loads(line)["choices"] for line in lines[:-1]]
    assert sum(bool(choice and choice[0]["delta"].get("content")) for choice in words) > 2


def test_without_the_key_nothing_is_answered_but_the_health(stack: Workbench) -> None:
    body = {"prompt": "x", "n_predict": 1}
    assert llama(stack, "completion", body, headers={}).status_code == 401
    assert llama(stack, "metrics", headers={}).status_code == 401
    assert llama(stack, "health", headers={}).json() == {"status": "ok"}


def test_slots_and_context_are_those_planned(stack: Workbench) -> None:
    told = llama(stack, "props").json()
    assert told["total_slots"] == PARALLEL
    assert told["default_generation_settings"]["n_ctx"] == CONTEXT
    words = process(stack, "llama-cpp").cmdline()
    assert words[words.index("--threads") + 1] == words[words.index("--threads-batch") + 1] == "1"


def test_as_many_prompts_as_slots_are_worked_on_together(stack: Workbench) -> None:
    def ask(number: int) -> int:
        # Prompts that share nothing, or the second would go where the first was.
        body = {"prompt": chr(ord("a") + number) * 20, "n_predict": 200, "ignore_eos": True}
        return llama(stack, "completion", body).json()["id_slot"]

    # More than there are slots, for a model this small answers one before the next has come.
    with ThreadPoolExecutor(4 * PARALLEL) as many:
        assert set(many.map(ask, range(12 * PARALLEL))) == set(range(PARALLEL))


def test_vectors_are_those_of_the_model(stack: Workbench) -> None:
    texts = ["red", "green blue cold nothing red", "warm " * 40, "blue"]
    answer = embed(texts).json()
    assert [found["index"] for found in answer["data"]] == [0, 1, 2, 3]
    for text, found in zip(texts, answer["data"], strict=True):
        np.testing.assert_allclose(found["embedding"], onnx_model.expected(text), atol=1e-5)
    # A text is cut at the model's longest.
    assert answer["usage"]["total_tokens"] == 1 + 5 + onnx_model.LONGEST + 1


def test_vectors_come_in_the_form_that_clients_ask_for(stack: Workbench) -> None:
    raw = embed("red blue", encoding_format="base64").json()["data"][0]["embedding"]
    vector = np.frombuffer(base64.b64decode(raw), "<f4")
    np.testing.assert_allclose(vector, onnx_model.expected("red blue"), atol=1e-5)


@pytest.mark.parametrize(("texts", "status"), [(["a"] * 5, 413), ([], 422), ([""], 422), ([[1, 2]], 422)])
def test_what_cannot_be_embedded_is_refused(stack: Workbench, texts: Any, status: int) -> None:
    answer = embed(texts)
    assert answer.status_code == answer.json()["code"] == status


def test_embeddings_have_the_threads_planned(stack: Workbench) -> None:
    found = process(stack, "embeddings")
    assert found.environ()["OMP_NUM_THREADS"] == "1"
    assert [link.status for link in found.net_connections("tcp")].count("LISTEN") == 1


def test_embeddings_ask_nobody_outside(stack: Workbench) -> None:
    embed("red")
    peers = {link.raddr.ip for link in process(stack, "embeddings").net_connections("inet") if link.raddr}
    assert peers <= {"127.0.0.1"}
    assert "telemetry" not in (stack.root / "embeddings/log/embeddings.log").read_text().lower()


def test_both_count_what_they_do(stack: Workbench) -> None:
    llama(stack, "completion", {"prompt": "a", "n_predict": 2})
    embed("red")
    figures = {
        line.partition(" ")[0]: float(line.rpartition(" ")[2])
        for text in (llama(stack, "metrics").text, httpx.get(f"{DOOR}/embeddings/metrics").text)
        for line in text.splitlines()
        if line and not line.startswith("#")
    }
    assert figures["llamacpp:tokens_predicted_total"] > 0
    assert figures["te_request_duration_count"] > 0
    assert figures['te_request_duration_bucket{le="+Inf"}'] == figures["te_request_duration_count"]


def test_both_stay_within_their_limits(stack: Workbench) -> None:
    rows = {row["service"]: row for row in stack.outputs()["plan"]["services"]}
    for service in ("llama-cpp", "embeddings"):
        used = process(stack, service).memory_info().rss / 1024**2
        print(f"{service}: {used:.0f} MiB of {rows[service]['memory']}")
        assert used < float(rows[service]["memory"].removesuffix("MiB"))


def test_no_secret_is_in_plain_text(stack: Workbench) -> None:
    assert leaks(stack, docker=False) == []


def test_nothing_is_left_to_do(stack: Workbench) -> None:
    settled(stack)
