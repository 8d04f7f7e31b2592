"""llama.cpp: one quantised language model (GGUF) on this machine, with an OpenAI-compatible API.

Options: https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from components.context import Context, Endpoint
from components.models import GIB, MIB, Footprint, declared, gguf_footprint
from components.neighbours import Client, Database, Requests, Route
from components.settings import ServiceSettings
from components.signals import Panel, Probe, Rule, Scrape
from components.spec import (
    ConfigFile,
    HealthCheck,
    Image,
    Package,
    Port,
    Process,
    Resources,
    SecretRef,
    Security,
    ServiceSpec,
    Volume,
)
from components.units import Bytes, Count, PortNumber, Seconds, format_bytes

# Release 0.5.0.
BUILD = "b11146"
IMAGE = Image(
    repository="ghcr.io/ggml-org/llama.cpp",
    tag=f"server-{BUILD}",
    program="/app/llama-server",
)
PACKAGE = Package(
    programs=("llama-server",),
    brew=("llama.cpp",),
    installer=f"https://github.com/ggml-org/llama.cpp/releases/download/{BUILD}/llama-{BUILD}-bin-ubuntu-{{cpu}}.tar.gz"
    "#sha256=c150306eb16b5ab696f76a8bdf810c35fd98a24e82158742e6fa28f420ff8410,"
    "4aeda6fe68831547e49b7fa87607383ca5352b3d72ca5f70d52ed265f58c131f",
    cmake="llama-cpp",
    # The vendor's own build wants a newer C library than Debian 12 has.
    probe=("llama-server", "--version"),
)
# The server itself, without any model.
_SERVER = 128 * MIB


PANELS = (
    Panel(title="llama.cpp: tokens", query="rate(llamacpp:tokens_predicted_total[5m])", group="inference"),
    Panel(title="llama.cpp: tokens read", query="rate(llamacpp:prompt_tokens_total[5m])", group="inference"),
    Panel(title="llama.cpp: requests that wait", query="llamacpp:requests_deferred", group="inference"),
)
RULES = (
    Rule(
        name="ModelOverloaded",
        expr="llamacpp:requests_deferred > 0",
        summary="Requests to {{ $labels.service }} have waited for a free slot for five minutes",
        remedy="Raise parallel where its cores and memory allow it, or ask less at once",
        wait=300,
    ),
)


class Settings(ServiceSettings):
    """Keys of a llama.cpp server."""

    memory: Annotated[
        Bytes | None, Field(description="Hard memory limit; what the model needs if absent.")
    ] = None
    port: Annotated[PortNumber, Field(description="Port that the server listens on.")] = 8012
    model: Annotated[
        str,
        Field(
            pattern=r"^(https://\S+|/\S+|[\w.-]+\.gguf|[\w.-]+/[\w.-]+(:[\w.-]+)?)$",
            description="A file NAME.gguf in the service's data directory, a path, an https address, or "
            "owner/repository:FORM of Hugging Face.",
        ),
    ] = "model.gguf"
    weights: Annotated[Bytes | None, Field(description="Size of its weights, where its name tells none.")] = (
        None
    )
    cache_per_token: Annotated[
        Bytes | None, Field(description="Key-value cache for one token of context.")
    ] = None
    parallel: Annotated[Count, Field(ge=1, le=64, description="Requests that are served at once.")] = 1
    context_length: Annotated[Count, Field(ge=256, description="Tokens of context a request.")] = 4096
    prompt_cache: Annotated[
        Bytes | None, Field(ge=MIB, description="Memory that keeps earlier prompts; none if absent.")
    ] = None
    load_timeout: Annotated[
        Seconds, Field(description="Longest that fetching and loading the model may take at a start.")
    ] = 600
    api_key: Annotated[
        bool, Field(description="Ask for a key, a secret of the stack; its metrics are not scraped then.")
    ] = False

    @property
    def footprint(self) -> Footprint | None:
        """Declared, else told from the model's name; ``None`` when nothing is known."""
        return declared(gguf_footprint(self.model), self.weights, self.cache_per_token)

    @model_validator(mode="after")
    def _fits(self) -> Settings:
        need = memory_needed(self)
        if self.memory is not None and self.memory < need:
            raise ValueError(
                f"memory {format_bytes(self.memory)} does not hold its model, which needs "
                f"{format_bytes(need)} (weights, and cache for {self.parallel} x "
                f"{self.context_length} tokens): raise memory, or lower parallel, context-length or "
                "prompt-cache, or choose a smaller model"
            )
        return self


def model_memory(settings: Settings) -> int:
    """Bytes of the model while all its slots are busy; 0 where nothing is known of it."""
    found = settings.footprint
    return found.loaded(settings.context_length, settings.parallel) if found else 0


def memory_needed(settings: Settings) -> int:
    """Bytes that the server takes while all its slots are busy."""
    return _SERVER + model_memory(settings) + (settings.prompt_cache or 0)


def requests(settings: Settings) -> Requests:
    """The OpenAI-compatible API below ``/llama/v1/``, on the front door."""
    # With a key, the metrics ask for it too.
    seen = not settings.api_key
    return Requests(
        routes=(Route(prefix="/llama/", stream=True, max_body="64m", probe="health"),),
        scrapes=(Scrape(),) if seen else (),
        probes=(Probe(path="/health"),),
        rules=RULES if seen else (),
        panels=PANELS if seen else (),
    )


def _source(settings: Settings, context: Context) -> tuple[str, str]:
    """The option that names where the model comes from."""
    if settings.model.startswith("https://"):
        return ("--model-url", settings.model)
    if settings.model.startswith("/"):
        return ("--model", settings.model)
    if "/" in settings.model:
        return ("--hf-repo", settings.model)
    return ("--model", f"{context.places.data}/{settings.model}")


def client(settings: Settings, name: str, endpoint: Endpoint, database: Database | None) -> Client:
    """``OPENAI_BASE_URL`` and, where a key is asked for, ``OPENAI_API_KEY`` as a secret."""
    return Client(
        network="backend",
        env={"OPENAI_BASE_URL": f"http://{endpoint}/v1"},
        secret_env={"OPENAI_API_KEY": "@@openai@@"} if settings.api_key else {},
        secrets={"openai": SecretRef(name=name)} if settings.api_key else {},
    )


def spec(settings: Settings, context: Context) -> ServiceSpec:
    """One llama.cpp server and its model."""
    key = SecretRef(name=context.service)
    source = _source(settings, context)
    threads = context.threads(settings.cpus)
    unknown = settings.footprint is None
    return ServiceSpec(
        name=context.service,
        type="llama-cpp",
        description="llama.cpp server",
        image=IMAGE,
        package=PACKAGE,
        process=Process(
            argv=(
                "llama-server",
                *source,
                *("--host", context.listen, "--port", str(settings.port)),
                *("--threads", str(threads), "--threads-batch", str(threads)),
                *("--parallel", str(settings.parallel)),
                # All slots together; without a shared cache each gets its part.
                *("--ctx-size", str(settings.context_length * settings.parallel), "--no-kv-unified"),
                # In MiB; 8 GiB if nothing is said.
                *("--cache-ram", str((settings.prompt_cache or 0) // MIB)),
                *("--alias", context.service, "--metrics", "--no-ui"),
                *(("--api-key-file", context.secret_path("key")) if settings.api_key else ()),
            ),
            env={"HOME": context.places.data, "LLAMA_CACHE": f"{context.places.data}/cache"},
        ),
        resources=Resources(
            memory=settings.memory or max(memory_needed(settings), GIB),
            reservation=settings.reservation,
            cpus=settings.cpus,
            gpu_memory=model_memory(settings),
        ),
        health=HealthCheck(
            http=f"http://127.0.0.1:{settings.port}/health", start_period=settings.load_timeout
        ),
        security=Security(uid=1000),
        # A model that is fetched comes from outside.
        networks=("backend",) if source[0] == "--model" else ("backend", "egress"),
        ports=(Port(name="http", number=settings.port, publish=settings.publish),),
        volumes=(Volume(name="data", path=context.places.data),),
        files=(ConfigFile(path=context.secret_path("key"), content="@@key@@\n", secrets={"key": key}),)
        if settings.api_key
        else (),
        fetches=0 if source[0] == "--model" or settings.footprint is None else settings.footprint.weights,
        renewable={key.name: "once"} if settings.api_key else {},
        notes=(f"{settings.model}: size unknown, not in the memory budget; declare weights",)
        if unknown
        else (),
    )
