"""LocalAI: several models behind one OpenAI-compatible API, loaded when they are asked for.

Options: https://github.com/mudler/LocalAI/blob/v4.8.2/core/cli/run.go
Models: https://github.com/mudler/LocalAI/blob/v4.8.2/core/config/model_config.go
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from components.context import Context, Endpoint
from components.models import GIB, MIB, Footprint, Load, declared, gguf_footprint
from components.neighbours import Client, Database, Requests, Route
from components.rendering import render
from components.settings import ServiceSettings, Strict
from components.signals import Panel, Probe, Scrape
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
from components.units import Bytes, Count, PortNumber, Seconds

VERSION = "4.8.2"
IMAGE = Image(repository="localai/localai", tag=f"v{VERSION}", program="/local-ai")
PACKAGE = Package(
    programs=("local-ai",),
    brew=("localai",),
    installer=f"https://github.com/mudler/LocalAI/releases/download/v{VERSION}/local-ai-v{VERSION}-linux-{{machine}}",
)
# The server itself, without any model.
_SERVER = 512 * MIB


REQUESTS = Panel(
    title="LocalAI: requests",
    query="sum by (service) (rate(api_call_count[5m]))",
    unit="reqps",
    group="inference",
)


class Model(Strict):
    """A model to serve."""

    name: Annotated[str, Field(pattern=r"^\w[\w.-]*$", description="Its name in requests.")]
    file: Annotated[
        str,
        Field(
            pattern=r"^((https|huggingface)://\S+|[\w.-]+)$",
            description="A file in the service's models directory, or an address that it is fetched from.",
        ),
    ]
    backend: Annotated[
        str, Field(pattern=r"^[\w.-]+$", description="What runs it, as LocalAI's gallery calls it.")
    ] = "llama-cpp"
    embeddings: Annotated[bool, Field(description="It makes embeddings.")] = False
    weights: Annotated[Bytes | None, Field(description="Size of its weights.")] = None
    cache_per_token: Annotated[
        Bytes | None, Field(description="Key-value cache for one token of context.")
    ] = None

    @property
    def footprint(self) -> Footprint | None:
        """Declared, else told from the file's name; ``None`` when nothing is known."""
        return declared(gguf_footprint(self.file), self.weights, self.cache_per_token)


class Settings(ServiceSettings):
    """Keys of a LocalAI."""

    memory: Annotated[
        Bytes | None, Field(description="Hard memory limit; what the models need if absent.")
    ] = None
    port: Annotated[PortNumber, Field(description="Port that LocalAI listens on.")] = 8014
    models: Annotated[tuple[Model, ...], Field(description="Models to serve.")] = ()
    parallel: Annotated[Count, Field(ge=1, le=64, description="Requests a model serves at once.")] = 1
    max_loaded: Annotated[Count, Field(ge=1, le=16, description="Models in memory at once.")] = 1
    context_length: Annotated[Count, Field(ge=256, description="Tokens of context a request.")] = 4096
    keep_alive: Annotated[Seconds, Field(ge=1, description="How long an idle model stays loaded.")] = 900
    load_timeout: Annotated[
        Seconds, Field(description="Longest that fetching backends and models may take at a start.")
    ] = 1800
    api_key: Annotated[
        bool, Field(description="Ask for a key, a secret of the stack; its metrics are not scraped then.")
    ] = False

    @property
    def load(self) -> Load:
        """What it does at once."""
        return Load(self.max_loaded, self.parallel, self.context_length)

    @model_validator(mode="after")
    def _fits(self) -> Settings:
        self.load.require(self.memory, memory_needed(self))
        return self


def memory_needed(settings: Settings) -> int:
    """Bytes that the server and its largest ``max_loaded`` models take when all are busy."""
    return _SERVER + settings.load.bytes_of(model.footprint for model in settings.models)


def requests(settings: Settings) -> Requests:
    """The OpenAI-compatible API below ``/localai/v1/``, on the front door."""
    return Requests(
        routes=(Route(prefix="/localai/", stream=True, max_body="64m", probe="readyz"),),
        # With a key, the metrics ask for it too. Their histogram has no bucket below five seconds.
        scrapes=() if settings.api_key else (Scrape(),),
        probes=(Probe(path="/readyz"),),
        panels=() if settings.api_key else (REQUESTS,),
    )


def client(settings: Settings, name: str, endpoint: Endpoint, database: Database | None) -> Client:
    """``OPENAI_BASE_URL`` and, where a key is asked for, ``OPENAI_API_KEY`` as a secret."""
    return Client(
        network="backend",
        env={"OPENAI_BASE_URL": f"http://{endpoint}/v1"},
        secret_env={"OPENAI_API_KEY": "@@openai@@"} if settings.api_key else {},
        secrets={"openai": SecretRef(name=name)} if settings.api_key else {},
    )


def spec(settings: Settings, context: Context) -> ServiceSpec:
    """One LocalAI server, its models and what runs them."""
    data, threads = context.places.data, context.threads(settings.cpus)
    models = ConfigFile(
        path=context.path("models.yaml"),
        content=render("localai/models.yaml.j2", settings=settings, context=context, threads=threads),
    )
    key = ConfigFile(
        path=context.secret_path("api_keys.json"),
        content='["@@key@@"]\n',
        secrets={"key": SecretRef(name=context.service)},
    )
    backends = dict.fromkeys(model.backend for model in settings.models)
    unknown = [model.name for model in settings.models if model.footprint is None]
    return ServiceSpec(
        name=context.service,
        type="localai",
        description="LocalAI",
        image=IMAGE,
        package=PACKAGE,
        process=Process(
            # What is fetched at the start, besides the models.
            argv=("local-ai", "run", *(f"--external-backends={backend}" for backend in backends)),
            env={
                "HOME": data,
                "LOCALAI_ADDRESS": f"{context.listen}:{settings.port}",
                "LOCALAI_MODELS_CONFIG_FILE": models.path,
                "LOCALAI_CONFIG_DIR": context.places.secrets if settings.api_key else context.places.config,
                "LOCALAI_MODELS_PATH": f"{data}/models",
                "LOCALAI_BACKENDS_PATH": f"{data}/backends",
                "LOCALAI_DATA_PATH": f"{data}/data",
                "LOCALAI_GENERATED_CONTENT_PATH": f"{data}/generated",
                "LOCALAI_UPLOAD_PATH": f"{data}/upload",
                "LOCALAI_THREADS": str(threads),
                "LOCALAI_MAX_ACTIVE_BACKENDS": str(settings.max_loaded),
                "LOCALAI_WATCHDOG_IDLE": "true",
                "LOCALAI_WATCHDOG_IDLE_TIMEOUT": f"{settings.keep_alive}s",
                # What is served is written here, not in pages of its own.
                "LOCALAI_DISABLE_WEBUI": "true",
                "LOCALAI_DISABLE_GALLERY_ENDPOINT": "true",
                "LOCALAI_DISABLE_RUNTIME_SETTINGS": "true",
                "LOCALAI_DISABLE_AGENTS": "true",
            },
        ),
        resources=Resources(
            memory=settings.memory or max(memory_needed(settings), GIB),
            reservation=settings.reservation,
            cpus=settings.cpus,
            gpu_memory=memory_needed(settings) - _SERVER,
        ),
        health=HealthCheck(
            http=f"http://127.0.0.1:{settings.port}/readyz", start_period=settings.load_timeout
        ),
        security=Security(uid=1000),
        # Backends, and models with an address, come from outside.
        networks=("backend", "egress"),
        ports=(Port(name="http", number=settings.port, publish=settings.publish),),
        volumes=(Volume(name="data", path=data),),
        files=(models, key) if settings.api_key else (models,),
        fetches=sum(model.footprint.weights for model in settings.models if model.footprint),
        renewable={context.service: "once"} if settings.api_key else {},
        notes=tuple(f"{name}: size unknown, not in the memory budget; declare weights" for name in unknown),
    )
