"""MongoDB: documents, with a user and database for each who asks.

Settings: https://www.mongodb.com/docs/v7.0/reference/configuration-options/
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from components.context import Context, Endpoint
from components.neighbours import Client, Database, Documents, Requests
from components.questions import accepts
from components.rendering import render
from components.settings import ServiceSettings
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
    Task,
    Volume,
)
from components.units import Bytes, Count, PortNumber

MIB = 1024**2
GIB = 1024**3
VERSION = "7.0.28"
SHELL_VERSION = "2.5.9"
IMAGE = Image(repository="mongo", tag=f"{VERSION}-jammy")
PACKAGE = Package(
    programs=("mongod", "mongosh"),
    brew=("mongodb/brew/mongodb-community@7.0",),
    installer=f"https://fastdl.mongodb.org/linux/mongodb-linux-{{arch}}-ubuntu2204-{VERSION}.tgz"
    f" https://downloads.mongodb.com/compass/mongosh-{SHELL_VERSION}-linux-{{cpu}}.tgz",
    probe=("mongod", "--version"),
)
# The least that WiredTiger takes.
_LEAST_CACHE = 256 * MIB


def _own(name: str) -> str:
    if name in ("admin", "config", "local"):
        raise ValueError("the name is taken by MongoDB itself; choose another")
    return name


Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,48}$"), AfterValidator(_own)]


class Settings(ServiceSettings):
    """Keys of a MongoDB."""

    memory: Annotated[Bytes, Field(ge=512 * MIB, description="Hard memory limit.")] = 512 * MIB
    port: Annotated[PortNumber, Field(description="Port that MongoDB listens on.")] = 27017
    max_connections: Annotated[Count, Field(ge=5, le=10000, description="Most clients at once.")] = 200
    databases: Annotated[
        tuple[Name, ...], Field(description="Databases of the owner's own; each has a user of its name.")
    ] = ("app",)


def requests(settings: Settings) -> Requests:
    """The databases declared on MongoDB itself."""
    return Requests(documents=tuple(Documents(name=name) for name in settings.databases))


def client(settings: Settings, name: str, endpoint: Endpoint, database: Database | None) -> Client:
    """``MONGODB_URL`` with the password of the user of ``database`` in it, or of the first there is."""
    chosen = database.name if database else next(iter(settings.databases), None)
    if chosen not in settings.databases:
        raise LookupError(f"uses {name}, which has no database {chosen}; add it to its databases")
    return Client(
        network="data",
        env={"MONGODB_HOST": endpoint.host, "MONGODB_PORT": str(endpoint.port)},
        secret_env={"MONGODB_URL": f"mongodb://{chosen}:@@mongodb@@@{endpoint}/{chosen}"},
        secrets={"mongodb": Documents(name=chosen).password},
    )


def password(service: str) -> SecretRef:
    """The password of the account ``root`` of ``service``, for its owner. Its data knows no other."""
    return SecretRef(name=service, guards=service)


def cache(settings: Settings) -> int:
    """Bytes of WiredTiger's cache: half the limit; the rest is for clients, sorts and the file system's."""
    return max(_LEAST_CACHE, settings.memory // 2)


def spec(settings: Settings, context: Context) -> ServiceSpec:
    """One MongoDB server and its users."""
    databases = context.documents()
    address = f"mongodb://127.0.0.1:{settings.port}/admin"
    return ServiceSpec(
        name=context.service,
        type="mongodb",
        description="MongoDB",
        image=IMAGE,
        package=PACKAGE,
        process=Process(
            argv=("mongod", "--config", context.path("mongod.conf")),
            # Its shell keeps a log and its settings at home.
            env={"HOME": context.places.run},
            stop_seconds=60,
        ),
        resources=Resources(
            memory=settings.memory,
            reservation=settings.reservation,
            cpus=settings.cpus,
            # A thread for each client, and its own.
            pids=settings.max_connections + 256,
        ),
        # Its port opens once it serves; its shell takes a second of a core for each question.
        health=HealthCheck(argv=accepts(settings.port), start_period=60),
        # Its JavaScript engine writes machine code.
        security=Security(uid=999, executable_memory=True),
        networks=("data",),
        ports=(Port(name="mongodb", number=settings.port, publish=settings.publish),),
        volumes=(Volume(name="data", path=context.places.data),),
        backup=BackupPolicy(files=True),
        files=(
            ConfigFile(
                path=context.path("mongod.conf"),
                content=render(
                    "mongodb/mongod.conf.j2",
                    settings=settings,
                    context=context,
                    cache=round(cache(settings) / GIB, 3),
                ),
            ),
            ConfigFile(
                path=context.secret_path("users.js"),
                content=render("mongodb/users.js.j2", databases=databases),
                secrets={"root": password(context.service)}
                | {f"documents.{base.name}": base.password for base in databases},
            ),
        ),
        serves_documents=True,
        tasks=(
            Task(
                name="users",
                argv=("mongosh", address, "--quiet", "--norc", "--file", context.secret_path("users.js")),
            ),
        ),
    )
