"""Ollama: language models on this machine, declared, pulled and kept in memory.

Environment: https://github.com/ollama/ollama/blob/main/envconfig/config.go
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator, model_validator

from components.captures import Capture
from components.context import Context, Endpoint
from components.models import GIB, MIB, Footprint, Load, declared, footprint
from components.neighbours import Client, Database, Requests, Route
from components.rendering import render
from components.settings import ServiceSettings, Strict
from components.signals import Panel, Probe
from components.spec import (
    BackupPolicy,
    HealthCheck,
    Image,
    Package,
    Port,
    Process,
    Resources,
    Security,
    ServiceSpec,
    Task,
    Volume,
)
from components.units import Bytes, Count, PortNumber, Seconds, format_bytes

VERSION = "0.17.4"
IMAGE = Image(repository="ollama/ollama", tag=VERSION)
PACKAGE = Package(
    programs=("ollama",),
    brew=("ollama",),
    installer=f"https://github.com/ollama/ollama/releases/download/v{VERSION}/ollama-linux-{{machine}}.tar.zst",
    go="ollama",
)
# The server itself, without any model.
_SERVER = 128 * MIB


def _script(name: str) -> tuple[str, ...]:
    return ("sh", "-c", render(f"ollama/{name}.sh.j2"))


CAPTURES = (
    # All but the weights, which are large, and the same for everybody: they come from the hub again.
    Capture(
        name="parts.tar",
        save=_script("save_parts"),
        tally=("tar", "-tf", "-"),
        load=_script("load_parts"),
    ),
    # Names and digests.
    Capture(
        name="models",
        save=("sh", "-c", "ollama list | awk 'NR > 1 { print $1, $2 }' | sort"),
        tally=("cat",),
        load=_script("load_models"),
        optional=True,
    ),
)
# Pulls the model only where it is missing, so that a hub out of reach does not matter later.
_PULL = 'ollama show "$1" >/dev/null 2>&1 || ollama pull "$1"'


class Model(Strict):
    """A model to have, and what it takes where Hearth does not know."""

    name: Annotated[str, Field(pattern=r"^\w[\w.-]*(/[\w.-]+)*(:[\w.-]+)?$", description="Its name.")]
    preload: Annotated[bool, Field(description="Load it at start and keep it loaded.")] = False
    weights: Annotated[Bytes | None, Field(description="Size of its weights.")] = None
    cache_per_token: Annotated[
        Bytes | None, Field(description="Key-value cache for one token of context.")
    ] = None

    @property
    def footprint(self) -> Footprint | None:
        """Declared, else known, else told from the tag; ``None`` when nothing is known."""
        return declared(footprint(self.name), self.weights, self.cache_per_token)


class Settings(ServiceSettings):
    """Keys of an Ollama."""

    memory: Annotated[
        Bytes | None, Field(description="Hard memory limit; what the models need if absent.")
    ] = None
    port: Annotated[PortNumber, Field(description="Port that Ollama listens on.")] = 11434
    models: Annotated[tuple[Model, ...], Field(description="Models to have: names, or mappings.")] = ()
    parallel: Annotated[Count, Field(ge=1, le=64, description="Requests a model serves at once.")] = 1
    max_loaded: Annotated[Count, Field(ge=1, le=16, description="Models in memory at once.")] = 1
    max_queue: Annotated[Count, Field(ge=1, description="Requests that may wait; more get a 503.")] = 512
    context_length: Annotated[Count, Field(ge=256, description="Tokens of context a request.")] = 4096
    load_timeout: Annotated[Seconds, Field(description="Longest a model may take to load.")] = 300
    keep_alive: Annotated[Seconds, Field(description="How long an idle model stays loaded.")] = 300

    @field_validator("models", mode="before", json_schema_input_type=tuple[str | Model, ...])
    @classmethod
    def _names(cls, value: object) -> object:
        if isinstance(value, (list, tuple)):
            return [{"name": item} if isinstance(item, str) else item for item in value]
        return value

    @property
    def load(self) -> Load:
        """What it does at once."""
        return Load(self.max_loaded, self.parallel, self.context_length)

    @model_validator(mode="after")
    def _fits(self) -> Settings:
        self.load.require(self.memory, memory_needed(self))
        preloaded = sum(model.preload for model in self.models)
        if preloaded > self.max_loaded:
            raise ValueError(
                f"{preloaded} models are preloaded and max-loaded is {self.max_loaded}: "
                "raise max-loaded or preload fewer"
            )
        return self


def memory_needed(settings: Settings) -> int:
    """Bytes that the server and its largest ``max_loaded`` models take when all are busy."""
    return _SERVER + settings.load.bytes_of(model.footprint for model in settings.models)


PANELS = (
    Panel(title="$service: answers", query='min(probe_success{service="$service"})', group="inference"),
    Panel(
        title="$service: time to answer a probe",
        query='max(quantile_over_time(0.95, probe_duration_seconds{service="$service"}[5m]))',
        unit="s",
        group="inference",
    ),
    Panel(
        title="$service: memory",
        query='sum(namedprocess_namegroup_memory_bytes{groupname="$service",memtype="resident"})'
        ' or sum(container_memory_working_set_bytes{container_label_hearth_stack="$stack",'
        'container_label_hearth_service="$service"})',
        unit="bytes",
        group="inference",
    ),
    Panel(
        title="$service: CPU",
        query='100 * sum(rate(namedprocess_namegroup_cpu_seconds_total{groupname="$service"}[5m]))'
        " or 100 *"
        ' sum(rate(container_cpu_usage_seconds_total{container_label_hearth_stack="$stack",'
        'container_label_hearth_service="$service"}[5m]))',
        unit="percent",
        group="inference",
    ),
)


def requests(settings: Settings) -> Requests:
    """Ollama's own API and its OpenAI-compatible one, on the front door."""
    api = Route(prefix="/ollama/", stream=True, max_body="64m", probe="api/version")
    # Probes alone: Ollama has no metrics of its own.
    return Requests(routes=(api,), probes=(Probe(path="/api/version"),), panels=PANELS)


def client(settings: Settings, name: str, endpoint: Endpoint, database: Database | None) -> Client:
    """``OLLAMA_HOST``, as Ollama's own clients read it."""
    return Client(network="backend", env={"OLLAMA_HOST": f"http://{endpoint}"})


def _tasks(settings: Settings) -> tuple[Task, ...]:
    pulls = [
        Task(
            name=f"model {model.name}",
            argv=("sh", "-c", _PULL, "pull", model.name),
            timeout=3600,
            optional=True,
        )
        for model in settings.models
    ]
    preloads = [
        Task(
            name=f"preload {model.name}",
            # An empty prompt loads the model and answers nothing.
            argv=("ollama", "run", "--keepalive", "-1s", model.name, ""),
            timeout=settings.load_timeout,
            optional=True,
        )
        for model in settings.models
        if model.preload
    ]
    return (*pulls, *preloads)


def _held(settings: Settings) -> list[str]:
    """What keeps the models within their memory, whatever the runtime enforces."""
    if not any(model.footprint for model in settings.models):
        return []
    return [
        f"its models stay within {format_bytes(memory_needed(settings))}: at most {settings.max_loaded} "
        f"loaded, {settings.parallel} requests each, let go when idle for {settings.keep_alive} s"
    ]


def spec(settings: Settings, context: Context) -> ServiceSpec:
    """One Ollama server and its models."""
    memory = settings.memory or max(memory_needed(settings), GIB)
    unknown = [model.name for model in settings.models if model.footprint is None]
    return ServiceSpec(
        name=context.service,
        type="ollama",
        description="Ollama",
        image=IMAGE,
        package=PACKAGE,
        process=Process(
            argv=("ollama", "serve"),
            env={
                "HOME": context.places.data,
                "OLLAMA_HOST": f"{context.listen}:{settings.port}",
                "OLLAMA_MODELS": f"{context.places.data}/models",
                "OLLAMA_NUM_PARALLEL": str(settings.parallel),
                "OLLAMA_MAX_LOADED_MODELS": str(settings.max_loaded),
                "OLLAMA_MAX_QUEUE": str(settings.max_queue),
                "OLLAMA_LOAD_TIMEOUT": f"{settings.load_timeout}s",
                "OLLAMA_KEEP_ALIVE": f"{settings.keep_alive}s",
                "OLLAMA_CONTEXT_LENGTH": str(settings.context_length),
            },
        ),
        resources=Resources(
            memory=memory,
            reservation=settings.reservation,
            cpus=settings.cpus,
            gpu_memory=memory_needed(settings) - _SERVER,
        ),
        health=HealthCheck(argv=("ollama", "list")),
        security=Security(uid=1000),
        # Models come from outside, so one of its networks leads there.
        networks=("backend", "egress"),
        ports=(Port(name="http", number=settings.port, publish=settings.publish),),
        volumes=(Volume(name="data", path=context.places.data),),
        backup=BackupPolicy(captures=CAPTURES, replaces=False),
        fetches=sum(model.footprint.weights for model in settings.models if model.footprint),
        tasks=_tasks(settings),
        notes=(
            *_held(settings),
            *(f"{name}: size unknown, not in the memory budget; declare weights" for name in unknown),
        ),
    )
