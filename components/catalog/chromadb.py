"""ChromaDB: vectors and their documents, for semantic search.

Configuration: https://docs.trychroma.com/reference/server-env-vars
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import Field

from components.context import Context, Endpoint
from components.neighbours import Client, Database, Requests
from components.questions import Ask, answers
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
_DATABASES = "/api/v2/tenants/default_tenant/databases"
# How many vectors of a collection are looked for.
_SOME = 3
# Of single precision, and of a vector's distance to itself.
_NOTHING = 1e-3


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


def found(ask: Ask) -> Iterator[str]:
    """Of every collection some vectors, which must be nearest to themselves.

    https://docs.trychroma.com/docs/querying-collections/query-and-get
    """
    for database in ask(_DATABASES, None):
        collections = f"{_DATABASES}/{quote(database['name'], safe='')}/collections"
        for collection in ask(collections, None):
            held = ask(f"{collections}/{collection['id']}/get", {"limit": _SOME, "include": ["embeddings"]})
            for vector in held["embeddings"] or ():
                question = {"query_embeddings": [vector], "n_results": 1, "include": ["distances"]}
                answer = ask(f"{collections}/{collection['id']}/query", question)
                _require_near(collection, answer["distances"][0])
            yield f"finds {len(held['ids'])} vectors in the collection {collection['name']}"


def _require_near(collection: Mapping[str, Any], distances: Sequence[float]) -> None:
    space = (collection["configuration_json"]["hnsw"] or {}).get("space")
    # By the inner product others may be nearer than the vector itself.
    if not distances or (space != "ip" and distances[0] > _NOTHING):
        raise ValueError(f"does not find a vector of the collection {collection['name']}")


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
