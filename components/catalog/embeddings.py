"""Embeddings: vectors of texts from an ONNX model, with an OpenAI-compatible API.

Text Embeddings Inference, and where there is no build of it a server of our own that takes the same
options: https://huggingface.github.io/text-embeddings-inference/ and ``templates/embeddings/server.py``.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from components.context import Context, Endpoint
from components.neighbours import Client, Database, Requests, Route
from components.rendering import render
from components.settings import ServiceSettings
from components.signals import Panel, Probe, Scrape
from components.spec import (
    HealthCheck,
    Image,
    Package,
    Port,
    Process,
    Resources,
    Security,
    ServiceSpec,
    Volume,
)
from components.units import Bytes, Count, PortNumber, Seconds

IMAGE = Image(repository="ghcr.io/huggingface/text-embeddings-inference", tag="cpu-1.9.3")
PROGRAM = "text-embeddings-router"


class Settings(ServiceSettings):
    """Keys of an embeddings server."""

    memory: Annotated[Bytes, Field(ge=128 * 1024**2, description="Hard memory limit.")] = 1024**3
    port: Annotated[PortNumber, Field(description="Port that the server listens on.")] = 8013
    model: Annotated[
        str,
        Field(
            pattern=r"^(/\S+|[\w.-]+|[\w.-]+/[\w.-]+)$",
            description="owner/name on Hugging Face, a directory of the service's data, or a path; with "
            "model.onnx, tokenizer.json and config.json.",
        ),
    ] = "BAAI/bge-small-en-v1.5"
    pooling: Annotated[
        Literal["cls", "mean", "last-token"] | None,
        Field(description="How tokens become one vector; as the model says if absent."),
    ] = None
    batch_tokens: Annotated[
        Count, Field(ge=128, description="Tokens computed at once; longer texts are cut. It costs memory.")
    ] = 4096
    batch_texts: Annotated[Count, Field(ge=1, description="Texts that one request may bring.")] = 32
    max_queue: Annotated[Count, Field(ge=1, description="Requests at once; more are refused.")] = 128
    load_timeout: Annotated[
        Seconds, Field(description="Longest that fetching and loading the model may take at a start.")
    ] = 600


def package() -> Package:
    """A build for Macs from Homebrew; elsewhere our own server."""
    return Package(
        programs=(PROGRAM,),
        brew=("text-embeddings-inference",),
        venv=(
            "onnxruntime==1.32.0",
            "tokenizers==0.23.3",
            "numpy==2.4.6",
            "starlette==1.10.0",
            "uvicorn==0.54.0",
            "prometheus-client==0.26.0",
            "huggingface-hub==2.4.0",
        ),
        scripts={PROGRAM: render("embeddings/server.py")},
    )


def requests(settings: Settings) -> Requests:
    """The API below ``/embeddings/v1/``, on the front door."""
    return Requests(
        routes=(Route(prefix="/embeddings/", max_body="4m", probe="health"),),
        scrapes=(Scrape(latency="te_request_duration"),),
        probes=(Probe(path="/health"),),
        panels=(
            Panel(
                title="Embeddings: requests",
                query="rate(te_request_duration_count[5m])",
                unit="reqps",
                group="inference",
            ),
        ),
    )


def client(settings: Settings, name: str, endpoint: Endpoint, database: Database | None) -> Client:
    """``EMBEDDINGS_URL``, below which there is an OpenAI-compatible API."""
    return Client(network="backend", env={"EMBEDDINGS_URL": f"http://{endpoint}/v1"})


def spec(settings: Settings, context: Context) -> ServiceSpec:
    """One embeddings server and its model."""
    threads = str(context.threads(settings.cpus))
    hub = "/" in settings.model and not settings.model.startswith("/")
    own = hub or settings.model.startswith("/")
    return ServiceSpec(
        name=context.service,
        type="embeddings",
        description="Text Embeddings Inference",
        image=IMAGE,
        package=package(),
        process=Process(
            argv=(
                PROGRAM,
                *("--model-id", settings.model if own else f"{context.places.data}/{settings.model}"),
                *("--hostname", context.listen, "--port", str(settings.port)),
                *("--huggingface-hub-cache", f"{context.places.data}/hub"),
                *("--tokenization-workers", threads),
                *("--max-batch-tokens", str(settings.batch_tokens)),
                *("--max-client-batch-size", str(settings.batch_texts)),
                *("--max-concurrent-requests", str(settings.max_queue)),
                *(("--pooling", settings.pooling) if settings.pooling else ()),
            ),
            env={
                "HOME": context.places.data,
                # ONNX Runtime's official builds report to their maker unless told not to (its Privacy.md).
                "ORT_DISABLE_TELEMETRY": "1",
                "HF_HUB_DISABLE_TELEMETRY": "1",
                # The programs' libraries know different names for the same.
                **dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"), threads),
            },
        ),
        resources=Resources(memory=settings.memory, reservation=settings.reservation, cpus=settings.cpus),
        health=HealthCheck(
            http=f"http://127.0.0.1:{settings.port}/health", start_period=settings.load_timeout
        ),
        security=Security(uid=1000),
        # A model that is fetched comes from outside.
        networks=("backend", "egress") if hub else ("backend",),
        ports=(Port(name="http", number=settings.port, publish=settings.publish),),
        volumes=(Volume(name="data", path=context.places.data),),
    )
