"""Qdrant: vectors with payloads, filtered and searched, behind an API key.

Configuration: https://qdrant.tech/documentation/guides/configuration/
"""

from __future__ import annotations

from math import ceil
from typing import Annotated

from pydantic import Field

from components.context import Context, Endpoint
from components.neighbours import Client, Database, Requests, Watch
from components.questions import answers
from components.rendering import render
from components.settings import ServiceSettings
from components.signals import Panel, Probe, Scrape
from components.spec import (
    BackupPolicy,
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
from components.units import Bytes, PortNumber

MIB = 1024**2
VERSION = "1.15.4"
IMAGE = Image(repository="qdrant/qdrant", tag=f"v{VERSION}", program="/qdrant/qdrant")
PACKAGE = Package(
    programs=("qdrant",),
    installer=f"https://github.com/qdrant/qdrant/releases/download/v{VERSION}/"
    "qdrant-{arch}-unknown-linux-musl.tar.gz",
)

# https://qdrant.tech/documentation/guides/monitoring/
PANELS = (
    Panel(title="Qdrant: vectors", query="collections_vector_total", group="data"),
    Panel(
        title="Qdrant: answers",
        query="sum by (service) (rate(rest_responses_total[5m]))",
        unit="reqps",
        group="data",
    ),
    Panel(
        title="Qdrant: failures",
        query="sum by (service) (rate(rest_responses_fail_total[5m]))",
        unit="reqps",
        group="data",
    ),
)


class Settings(ServiceSettings):
    """Keys of a Qdrant."""

    memory: Annotated[Bytes, Field(ge=128 * MIB, description="Hard memory limit.")] = 512 * MIB
    port: Annotated[PortNumber, Field(description="Port of its HTTP API.")] = 6333
    grpc_port: Annotated[PortNumber, Field(description="Port of its gRPC API.")] = 6334
    on_disk: Annotated[
        bool,
        Field(description="Leave vectors and their index on disk: slower, for more than the memory holds."),
    ] = False
    max_request: Annotated[Bytes, Field(ge=MIB, description="Largest request that it takes.")] = 32 * MIB


def api_key(service: str) -> SecretRef:
    """The key that a client of ``service`` shows, in the header ``api-key``."""
    return SecretRef(name=service)


def client(settings: Settings, name: str, endpoint: Endpoint, database: Database | None) -> Client:
    """``QDRANT_URL`` and, as a secret, ``QDRANT_API_KEY``."""
    return Client(
        network="data",
        env={"QDRANT_URL": f"http://{endpoint}"},
        secret_env={"QDRANT_API_KEY": "@@qdrant@@"},
        secrets={"qdrant": api_key(name)},
    )


def requests(settings: Settings) -> Requests:
    """Its metrics, for who may only read, and where it can be asked whether it is well."""
    return Requests(scrapes=(Scrape(guarded=True),), probes=(Probe(path="/readyz"),), panels=PANELS)


def spec(settings: Settings, context: Context) -> ServiceSpec:
    """One Qdrant server, alone and without a cluster."""
    configuration = render(
        "qdrant/config.yaml.j2", settings=settings, context=context, threads=ceil(settings.cpus or 0)
    )
    return ServiceSpec(
        name=context.service,
        type="qdrant",
        description="Qdrant",
        image=IMAGE,
        package=PACKAGE,
        process=Process(
            argv=("qdrant", "--config-path", context.secret_path("config.yaml")),
            # Beside its program by default, where nothing can be written.
            env={"QDRANT_INIT_FILE_PATH": f"{context.places.run}/initialised"},
        ),
        resources=Resources(memory=settings.memory, reservation=settings.reservation, cpus=settings.cpus),
        health=HealthCheck(
            argv=answers(settings.port, "/readyz"),
            http=f"http://127.0.0.1:{settings.port}/readyz",
        ),
        security=Security(uid=1000),
        networks=("data",),
        ports=(
            Port(name="http", number=settings.port, publish=settings.publish),
            Port(name="grpc", number=settings.grpc_port, publish=settings.publish),
        ),
        volumes=(Volume(name="data", path=context.places.data),),
        backup=BackupPolicy(files=True),
        renewable={
            api_key(context.service).name: "once",
            Watch(service=context.service).password.name: "once",
        },
        files=(
            ConfigFile(
                path=context.secret_path("config.yaml"),
                content=configuration,
                secrets={
                    "key": api_key(context.service),
                    "reader": Watch(service=context.service).password,
                },
            ),
        ),
    )
