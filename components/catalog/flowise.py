"""Flowise: chains and agents of language models, drawn on a page and served as an API.

Environment: https://docs.flowiseai.com/configuration/environment-variables
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from components.applications import MIB, ApplicationSettings, Identifier, Url, asked, key
from components.context import Context
from components.environment import for_node, node_heap
from components.neighbours import Database, Requests
from components.signals import Probe
from components.spec import (
    BackupPolicy,
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

VERSION = "3.1.4"
IMAGE = Image(repository="flowiseai/flowise", tag=VERSION)


class Settings(ApplicationSettings):
    """Keys of a Flowise."""

    memory: Annotated[Bytes, Field(ge=1024 * MIB, description="Hard memory limit.")] = 1536 * MIB
    # Not its own default of 3000, which too many others have.
    port: Annotated[PortNumber, Field(description="Port of its page and API.")] = 3002
    database: Annotated[
        Literal["postgres", "sqlite"], Field(description="Where flows and credentials are kept.")
    ] = "postgres"
    database_name: Annotated[Identifier, Field(description="Name of its database and role.")] = "flowise"
    url: Annotated[Url, Field(description="Url at which people reach it, with a slash at its end.")] = None


def package(database: str) -> Package:
    """Its program. Compiled is the driver of SQLite alone, and only for whom it drives."""
    return Package(
        programs=("flowise", "node"),
        npm=(f"flowise@{VERSION}",),
        npm_scripts=("sqlite3",) if database == "sqlite" else (),
    )


def requests(settings: Settings) -> Requests:
    """A database of its own with vectors, and where it says that it is well.

    Its page works at the root of an address alone, so it has no path on the front door.
    """
    own = Database(
        name=settings.database_name, extensions=("uuid-ossp", "vector"), alone=True, server=settings.postgres
    )
    return Requests(
        databases=(own,) if settings.database == "postgres" else (), probes=(Probe(path="/api/v1/ping"),)
    )


def spec(settings: Settings, context: Context) -> ServiceSpec:
    """One Flowise with one process that serves."""
    data = context.places.data
    values = {
        "FLOWISE_SECRETKEY_OVERWRITE": "@@key@@",
        "JWT_AUTH_TOKEN_SECRET": "@@access@@",
        "JWT_REFRESH_TOKEN_SECRET": "@@refresh@@",
        "EXPRESS_SESSION_SECRET": "@@session@@",
        "TOKEN_HASH_SECRET": "@@token@@",
    }
    signing = {
        use: SecretRef(name=f"{context.service}-{use}") for use in ("access", "refresh", "session", "token")
    }
    secrets = {"key": key(context.service)} | signing
    url = settings.url or f"http://127.0.0.1:{settings.port}/"
    env = {
        "HOME": data,
        "HOST": context.listen,
        "PORT": str(settings.port),
        "APP_URL": url.rstrip("/"),
        "SECURE_COOKIES": str(url.startswith("https:")).lower(),
        "SECRETKEY_PATH": data,
        "BLOB_STORAGE_PATH": f"{data}/storage",
        "LOG_PATH": f"{data}/logs",
        "LOG_LEVEL": "warn",
    }
    needs = []
    if settings.database == "postgres":
        server = context.needed("postgres", settings.postgres)
        endpoint = context.endpoint(server)
        env |= {
            "DATABASE_TYPE": "postgres",
            "DATABASE_HOST": endpoint.host,
            "DATABASE_PORT": str(endpoint.port),
            "DATABASE_NAME": settings.database_name,
            "DATABASE_USER": context.database(settings.database_name).login,
        }
        values["DATABASE_PASSWORD"] = "@@database@@"
        secrets["database"] = Database(name=settings.database_name).password
        needs.append(server)
    else:
        env |= {"DATABASE_TYPE": "sqlite", "DATABASE_PATH": data}
    models = context.neighbour("ollama", settings.ollama)
    if models:
        # Flows take it as a variable of the kind "runtime".
        env["OLLAMA_BASE_URL"] = f"http://{context.endpoint(models)}"
    injection = for_node(context, values, secrets)
    env["NODE_OPTIONS"] = f"{injection.env['NODE_OPTIONS']} {node_heap(settings.memory)}"
    return ServiceSpec(
        name=context.service,
        type="flowise",
        description="Flowise",
        image=IMAGE,
        package=package(settings.database),
        process=Process(argv=("flowise", "start"), env=env, stop_seconds=30),
        resources=Resources(memory=settings.memory, reservation=settings.reservation, cpus=settings.cpus),
        health=asked(f"http://127.0.0.1:{settings.port}/api/v1/ping", by="node", start_period=180),
        security=Security(uid=1000, executable_memory=True),
        # Who is logged in logs in again.
        renewable={ref.name: "once" for ref in signing.values()},
        networks=settings.networks,
        ports=(Port(name="http", number=settings.port, publish=settings.publish),),
        volumes=(Volume(name="data", path=data),),
        backup=BackupPolicy(files=True),
        files=injection.files,
        needs=tuple(needs),
    )
