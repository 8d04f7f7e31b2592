"""ChromaDB: vectors and their documents, for semantic search.

Configuration: https://docs.trychroma.com/reference/server-env-vars
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from components.context import Context, Endpoint
from components.neighbours import Client, Database, Requests
from components.questions import answers
from components.rendering import render
from components.settings import ServiceSettings
from components.signals import Probe
from components.spec import (
    BackupPolicy,
    ConfigFile,
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
from components.units import Bytes, PortNumber

MIB = 1024**2
VERSION = "1.5.9"
IMAGE = Image(repository="chromadb/chroma", tag=VERSION)
PACKAGE = Package(programs=("chroma",), venv=(f"chromadb=={VERSION}",))
_ALIVE = "/api/v2/heartbeat"


class Settings(ServiceSettings):
    """Keys of a ChromaDB."""

    memory: Annotated[Bytes, Field(ge=256 * MIB, description="Hard memory limit.")] = 512 * MIB
    port: Annotated[PortNumber, Field(description="Port of its API.")] = 8000
    max_request: Annotated[Bytes, Field(description="Largest request that it takes.")] = 40 * MIB


def client(settings: Settings, name: str, endpoint: Endpoint, database: Database | None) -> Client:
    """``CHROMA_HOST`` and ``CHROMA_PORT``."""
    return Client(network="data", env={"CHROMA_HOST": endpoint.host, "CHROMA_PORT": str(endpoint.port)})


def requests(settings: Settings) -> Requests:
    """Where it can be asked whether it is well; it has no metrics of its own."""
    return Requests(probes=(Probe(path=_ALIVE),))


def spec(settings: Settings, context: Context) -> ServiceSpec:
    """One ChromaDB server on one directory."""
    return ServiceSpec(
        name=context.service,
        type="chromadb",
        description="ChromaDB",
        image=IMAGE,
        package=PACKAGE,
        process=Process(
            argv=("chroma", "run", context.path("chroma.yaml")),
            # Its command line keeps a profile at home.
            env={"HOME": context.places.run},
        ),
        resources=Resources(memory=settings.memory, reservation=settings.reservation, cpus=settings.cpus),
        health=HealthCheck(
            argv=answers(settings.port, _ALIVE), http=f"http://127.0.0.1:{settings.port}{_ALIVE}"
        ),
        security=Security(uid=1000),
        networks=("data",),
        ports=(Port(name="http", number=settings.port, publish=settings.publish),),
        volumes=(Volume(name="data", path=context.places.data),),
        backup=BackupPolicy(files=True),
        files=(
            ConfigFile(
                path=context.path("chroma.yaml"),
                content=render("chromadb/chroma.yaml.j2", settings=settings, context=context),
            ),
        ),
        # Its server lost them with version 1.0.
        notes=("no password: whoever reaches its port reads and writes everything in it",),
    )
