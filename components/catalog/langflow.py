"""Langflow: flows of language models, drawn on a page and served as an API.

Environment: https://docs.langflow.org/environment-variables
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from components.applications import MIB, ApplicationSettings, Identifier, asked, key
from components.context import Context
from components.environment import for_python
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

VERSION = "1.12.8"
IMAGE = Image(repository="langflowai/langflow", tag=VERSION)
PACKAGE = Package(programs=("langflow",), venv=(f"langflow[postgresql]=={VERSION}",))


class Settings(ApplicationSettings):
    """Keys of a Langflow."""

    memory: Annotated[Bytes, Field(ge=1536 * MIB, description="Hard memory limit.")] = 2048 * MIB
    port: Annotated[PortNumber, Field(description="Port of its page and API.")] = 7860
    database: Annotated[
        Literal["postgres", "sqlite"], Field(description="Where flows and variables are kept.")
    ] = "postgres"
    database_name: Annotated[Identifier, Field(description="Name of its database and role.")] = "langflow"
    admin: Annotated[
        str, Field(pattern=r"^[a-z][a-z0-9._-]{1,30}$", description="Name of the first user.")
    ] = "admin"


def requests(settings: Settings) -> Requests:
    """A database of its own with vectors, and where it says that it is well.

    Its page works at the root of an address alone, so it has no path on the front door.
    """
    own = Database(name=settings.database_name, extensions=("vector",), alone=True, server=settings.postgres)
    return Requests(
        databases=(own,) if settings.database == "postgres" else (), probes=(Probe(path="/health"),)
    )


def spec(settings: Settings, context: Context) -> ServiceSpec:
    """One Langflow with one process that serves."""
    data = context.places.data
    values = {"LANGFLOW_SECRET_KEY": "@@key@@", "LANGFLOW_SUPERUSER_PASSWORD": "@@admin@@"}
    secrets = {"key": key(context.service), "admin": SecretRef(name=f"{context.service}-admin")}
    needs = []
    if settings.database == "postgres":
        server = context.needed("postgres", settings.postgres)
        name = settings.database_name
        values["LANGFLOW_DATABASE_URL"] = (
            f"postgresql://{context.database(name).login}:@@database@@@{context.endpoint(server)}/{name}"
        )
        secrets["database"] = Database(name=name).password
        needs.append(server)
    else:
        values["LANGFLOW_DATABASE_URL"] = f"sqlite:///{data}/langflow.db"
    env = {
        "HOME": data,
        "LANGFLOW_CONFIG_DIR": data,
        "LANGFLOW_KNOWLEDGE_BASES_DIR": f"{data}/knowledge_bases",
        "LANGFLOW_LOG_FILE": f"{data}/langflow.log",
        "LANGFLOW_ALEMBIC_LOG_TO_STDOUT": "true",
        "LANGFLOW_LOG_LEVEL": "warning",
        "LANGFLOW_TELEMETRY_WRITER_OUTBOX_DIR": f"{data}/outbox",
        "LANGFLOW_HOST": context.listen,
        "LANGFLOW_PORT": str(settings.port),
        "LANGFLOW_OPEN_BROWSER": "false",
        "LANGFLOW_AUTO_LOGIN": "false",
        "LANGFLOW_ENABLE_SIGNUP": "false",
        "LANGFLOW_SUPERUSER": settings.admin,
        "LANGFLOW_STORE": "false",
        "LANGFLOW_DO_NOT_TRACK": "true",
        "DO_NOT_TRACK": "true",
        # It would ask for the prices of other people's models at its start.
        "LITELLM_LOCAL_MODEL_COST_MAP": str(not settings.outbound),
    }
    models = context.neighbour("ollama", settings.ollama)
    if models:
        endpoint = context.endpoint(models)
        # A variable of every user, to be chosen in a component; and an address that flows may ask.
        env["OLLAMA_BASE_URL"] = f"http://{endpoint}"
        env["LANGFLOW_VARIABLES_TO_GET_FROM_ENVIRONMENT"] = "OLLAMA_BASE_URL"
        env["LANGFLOW_SSRF_ALLOWED_HOSTS"] = endpoint.host
    injection = for_python(context, values, secrets)
    return ServiceSpec(
        name=context.service,
        type="langflow",
        description="Langflow",
        image=IMAGE,
        package=PACKAGE,
        process=Process(argv=("langflow", "run"), env=env | injection.env, stop_seconds=30),
        resources=Resources(memory=settings.memory, reservation=settings.reservation, cpus=settings.cpus),
        # The first start makes the tables and reads every component.
        health=asked(f"http://127.0.0.1:{settings.port}/health", by="python", start_period=300),
        security=Security(uid=1000, executable_memory=True),
        networks=settings.networks,
        ports=(Port(name="http", number=settings.port, publish=settings.publish),),
        volumes=(Volume(name="data", path=data),),
        backup=BackupPolicy(files=True),
        files=injection.files,
        needs=tuple(needs),
    )
