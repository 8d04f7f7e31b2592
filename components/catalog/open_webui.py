"""Open WebUI: conversations with the stack's models, and with documents, in a browser.

Environment: https://docs.openwebui.com/reference/env-configuration/
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from components.applications import MIB, ApplicationSettings, Identifier, Neighbour, Url, asked, key
from components.context import Context
from components.environment import for_python
from components.neighbours import Database, Requests
from components.rendering import render
from components.signals import Probe
from components.spec import (
    BackupPolicy,
    ConfigFile,
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

VERSION = "0.12.4"
IMAGE = Image(repository="ghcr.io/open-webui/open-webui", tag=f"v{VERSION}")
PACKAGE = Package(programs=("open-webui",), venv=(f"open-webui[postgres]=={VERSION}",))


class Settings(ApplicationSettings):
    """Keys of an Open WebUI."""

    memory: Annotated[Bytes, Field(ge=1280 * MIB, description="Hard memory limit.")] = 2048 * MIB
    # Not its own default of 8080, which the front door has.
    port: Annotated[PortNumber, Field(description="Port of its page and API.")] = 8090
    database: Annotated[
        Literal["postgres", "sqlite"], Field(description="Where users and conversations are kept.")
    ] = "postgres"
    database_name: Annotated[Identifier, Field(description="Name of its database and role.")] = "open_webui"
    vectors: Annotated[
        Literal["pgvector", "qdrant", "chromadb", "local"] | None,
        Field(description="Where documents are searched; its PostgreSQL if absent, else its own directory."),
    ] = None
    store: Annotated[
        Neighbour, Field(description="The Qdrant or ChromaDB to use; the stack's if absent.")
    ] = None
    embedding_model: Annotated[
        str, Field(pattern=r"^[\w./:-]+$", description="Model of Ollama that turns documents into vectors.")
    ] = "nomic-embed-text"
    admin: Annotated[
        str, Field(pattern=r"^[\w.+-]+@[\w.-]+$", description="Mail address of the first user.")
    ] = "admin@localhost"
    url: Annotated[Url, Field(description="Url at which people reach it, with a slash at its end.")] = None

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        if self.vectors == "pgvector" and self.database != "postgres":
            raise ValueError("vectors: pgvector needs database: postgres; write that, or other vectors")
        return self


def requests(settings: Settings) -> Requests:
    """A database of its own with vectors, and where it says that it is well.

    Its page works at the root of an address alone, so it has no path on the front door.
    """
    own = Database(name=settings.database_name, extensions=("vector",), alone=True, server=settings.postgres)
    return Requests(
        databases=(own,) if settings.database == "postgres" else (), probes=(Probe(path="/health"),)
    )


def _database(settings: Settings, context: Context) -> tuple[str, dict[str, SecretRef], list[str]]:
    """Its address with a place for the password, that password, and who serves it."""
    if settings.database == "sqlite":
        return f"sqlite:///{context.places.data}/webui.db", {}, []
    server, name = context.needed("postgres", settings.postgres), settings.database_name
    base = context.database(name)
    address = f"postgresql://{base.login}:@@database@@@{context.endpoint(server)}/{name}"
    return address, {"database": base.password}, [server]


def _vectors(settings: Settings, context: Context) -> tuple[dict[str, str], dict[str, SecretRef], list[str]]:
    """Variables, secrets and the neighbour of the vector store."""
    chosen = settings.vectors or ("pgvector" if settings.database == "postgres" else "local")
    if chosen in ("pgvector", "local"):
        return {"VECTOR_DB": "chroma" if chosen == "local" else chosen}, {}, []
    store = context.needed(chosen, settings.store)
    endpoint = context.endpoint(store)
    if chosen == "qdrant":
        env = {"VECTOR_DB": "qdrant", "QDRANT_URI": f"http://{endpoint}"}
        return env, {"store": SecretRef(name=store)}, [store]
    env = {"VECTOR_DB": "chroma", "CHROMA_HTTP_HOST": endpoint.host, "CHROMA_HTTP_PORT": str(endpoint.port)}
    return env, {}, [store]


def spec(settings: Settings, context: Context) -> ServiceSpec:
    """One Open WebUI with one process that serves."""
    data = context.places.data
    address, password, server = _database(settings, context)
    vectors, api_key, store = _vectors(settings, context)
    values = {
        "WEBUI_SECRET_KEY": "@@key@@",
        "WEBUI_ADMIN_PASSWORD": "@@admin@@",
        "DATABASE_URL": address,
    } | ({"QDRANT_API_KEY": "@@store@@"} if api_key else {})
    secrets = {"key": key(context.service), "admin": SecretRef(name=f"{context.service}-admin")}
    env = vectors | {
        "HOME": data,
        "DATA_DIR": data,
        "STATIC_DIR": f"{data}/static",
        "WEBUI_ADMIN_EMAIL": settings.admin,
        "WEBUI_SESSION_COOKIE_SECURE": str((settings.url or "").startswith("https:")).lower(),
        "OFFLINE_MODE": str(not settings.outbound).lower(),
        "ENABLE_VERSION_UPDATE_CHECK": "false",
        "ENABLE_COMMUNITY_SHARING": "false",
        # Tools of users do not install packages.
        "ENABLE_PIP_INSTALL_FRONTMATTER_REQUIREMENTS": "false",
        "ENABLE_OPENAI_API": str(settings.outbound).lower(),
        "ENABLE_SIGNUP": "false",
    }
    if settings.url:
        env["WEBUI_URL"] = settings.url.rstrip("/")
    models = context.neighbour("ollama", settings.ollama)
    env["ENABLE_OLLAMA_API"] = str(models is not None).lower()
    if models:
        env |= {
            "OLLAMA_BASE_URL": f"http://{context.endpoint(models)}",
            "RAG_EMBEDDING_ENGINE": "ollama",
            "RAG_EMBEDDING_MODEL": settings.embedding_model,
        }
    injection = for_python(context, values, secrets | password | api_key)
    start = ConfigFile(
        path=context.path("start.sh"),
        content=render("open_webui/start.sh.j2", settings=settings, context=context),
        executable=True,
    )
    return ServiceSpec(
        name=context.service,
        type="open-webui",
        description="Open WebUI",
        image=IMAGE,
        package=PACKAGE,
        process=Process(argv=("sh", start.path), env=env | injection.env, stop_seconds=30),
        resources=Resources(memory=settings.memory, reservation=settings.reservation, cpus=settings.cpus),
        # The first start makes the tables.
        health=asked(f"http://127.0.0.1:{settings.port}/health", by="python", start_period=300),
        security=Security(uid=1000, executable_memory=True),
        networks=settings.networks,
        ports=(Port(name="http", number=settings.port, publish=settings.publish),),
        volumes=(Volume(name="data", path=data),),
        backup=BackupPolicy(files=True),
        files=(start, *injection.files),
        needs=(*server, *store),
    )
