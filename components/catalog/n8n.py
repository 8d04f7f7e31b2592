"""n8n: workflows of triggers and steps, in one process or with workers over a queue.

Environment: https://docs.n8n.io/hosting/configuration/environment-variables/
Queue mode: https://docs.n8n.io/hosting/scaling/queue-mode/
"""

from __future__ import annotations

import json
from typing import Annotated, Literal

from pydantic import Field

from components.applications import MIB, ApplicationSettings, Identifier, Neighbour, Url, asked, key
from components.context import Context
from components.environment import node_heap
from components.neighbours import Database, Requests, Route
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
    SecretRef,
    Security,
    ServiceSpec,
    Volume,
)
from components.units import Bytes, Count, PortNumber

VERSION = "2.40.7"
IMAGE = Image(repository="n8nio/n8n", tag=VERSION)


class Settings(ApplicationSettings):
    """Keys of an n8n."""

    memory: Annotated[Bytes, Field(ge=512 * MIB, description="Hard memory limit.")] = 1024 * MIB
    port: Annotated[PortNumber, Field(description="Port of its page, API and webhooks.")] = 5678
    broker_port: Annotated[
        PortNumber, Field(description="Port on which it hands code to the process that runs it.")
    ] = 5679
    database: Annotated[
        Literal["postgres", "sqlite"],
        Field(description="Where workflows and credentials are kept; workers need postgres."),
    ] = "postgres"
    database_name: Annotated[Identifier, Field(description="Name of its database and role.")] = "n8n"
    redis: Annotated[Neighbour, Field(description="Redis of the queue; the stack's if absent.")] = None
    queue: Annotated[
        bool | None,
        Field(description="Workers run the workflows; by default when the stack has a worker."),
    ] = None
    url: Annotated[Url, Field(description="Url at which people reach it, with a slash at its end.")] = None
    path: Annotated[str, Field(pattern=r"^/[a-z0-9-]+/$", description="Path on the front door.")] = "/n8n/"
    keep_days: Annotated[Count, Field(ge=1, description="Days that finished executions are kept.")] = 14


def package(database: str) -> Package:
    """Its program. Compiled is the driver of SQLite alone, and only for whom it drives."""
    return Package(
        programs=("n8n", "node"),
        npm=(f"n8n@{VERSION}",),
        npm_scripts=("sqlite3",) if database == "sqlite" else (),
        probe=("sh", "-c", f"n8n --version | grep -qx '{VERSION}'"),
    )


def requests(settings: Settings) -> Requests:
    """A database of its own, its path on the front door, and where it says that it is well."""
    own = Database(name=settings.database_name, alone=True, server=settings.postgres)
    databases = (own,) if settings.database == "postgres" else ()
    return Requests(
        routes=(Route(prefix=settings.path, websocket=True, max_body="64m", probe="healthz"),),
        databases=databases,
        probes=(Probe(path="/healthz"),),
    )


def password_files(
    context: Context, values: dict[str, SecretRef]
) -> tuple[dict[str, str], tuple[ConfigFile, ...]]:
    """Variables that name files, as n8n reads any variable, and those files."""
    env, files = {}, []
    for name, ref in values.items():
        path = context.secret_path(name.lower().replace("_", "-"))
        env[f"{name}_FILE"] = path
        files.append(ConfigFile(path=path, content="@@secret@@", secrets={"secret": ref}))
    return env, tuple(files)


def common(context: Context, memory: int, broker_port: int) -> dict[str, str]:
    """Variables of the main process and of a worker."""
    return {
        "HOME": context.places.data,
        "N8N_USER_FOLDER": context.places.data,
        "N8N_ENFORCE_SETTINGS_FILE_PERMISSIONS": "true",
        "N8N_DIAGNOSTICS_ENABLED": "false",
        "N8N_VERSION_NOTIFICATIONS_ENABLED": "false",
        "N8N_TEMPLATES_ENABLED": "false",
        "N8N_PERSONALIZATION_ENABLED": "false",
        "N8N_HIRING_BANNER_ENABLED": "false",
        # Expressions of a workflow do not see this environment.
        "N8N_BLOCK_ENV_ACCESS_IN_NODE": "true",
        "N8N_RUNNERS_BROKER_PORT": str(broker_port),
        # Code of workflows runs in a process of its own, inside the same limit.
        "NODE_OPTIONS": node_heap(memory, 0.6),
        "N8N_RUNNERS_MAX_OLD_SPACE_SIZE": str(memory // 5 // MIB),
    }


def postgres(context: Context, service: str, database: str) -> dict[str, str]:
    """Variables that lead to the database."""
    endpoint = context.endpoint(service)
    return {
        "DB_TYPE": "postgresdb",
        "DB_POSTGRESDB_HOST": endpoint.host,
        "DB_POSTGRESDB_PORT": str(endpoint.port),
        "DB_POSTGRESDB_DATABASE": database,
        "DB_POSTGRESDB_USER": context.database(database).login,
    }


def queue(context: Context, service: str, main: str) -> dict[str, str]:
    """Variables that lead to the queue between ``main`` and its workers."""
    endpoint = context.endpoint(service)
    return {
        "EXECUTIONS_MODE": "queue",
        "QUEUE_BULL_REDIS_HOST": endpoint.host,
        "QUEUE_BULL_REDIS_PORT": str(endpoint.port),
        "QUEUE_BULL_PREFIX": main,
        "OFFLOAD_MANUAL_EXECUTIONS_TO_WORKERS": "true",
    }


def overwrites(context: Context, ollama: str | None) -> tuple[dict[str, str], tuple[ConfigFile, ...]]:
    """What fills in the address of every credential for Ollama, where the stack has one."""
    models = context.neighbour("ollama", ollama)
    if models is None:
        return {}, ()
    content = json.dumps({"ollamaApi": {"baseUrl": f"http://{context.endpoint(models)}"}})
    file = ConfigFile(path=context.path("credentials.json"), content=content)
    return {"CREDENTIALS_OVERWRITE_DATA_FILE": file.path}, (file,)


def well(port: int) -> HealthCheck:
    """Where main processes and workers alike say that they are well."""
    return asked(f"http://127.0.0.1:{port}/healthz", by="node", start_period=180)


def spec(settings: Settings, context: Context) -> ServiceSpec:
    """One main process: pages, API, triggers; and the executions, where there are no workers."""
    workers = context.of_kind("n8n-worker")
    queued = settings.queue if settings.queue is not None else bool(workers)
    env = common(context, settings.memory, settings.broker_port) | {"DB_TYPE": "sqlite"}
    secrets = {"N8N_ENCRYPTION_KEY": key(context.service)}
    needs = []
    if settings.database == "postgres":
        server = context.needed("postgres", settings.postgres)
        env |= postgres(context, server, settings.database_name)
        secrets["DB_POSTGRESDB_PASSWORD"] = Database(name=settings.database_name).password
        needs.append(server)
    elif queued:
        raise LookupError(f"{context.service} has workers, which need database: postgres; write that")
    if queued:
        broker = context.needed("redis", settings.redis)
        env |= queue(context, broker, context.service)
        secrets["QUEUE_BULL_REDIS_PASSWORD"] = SecretRef(name=broker)
        needs.append(broker)
    paths, files = password_files(context, secrets)
    env |= paths | {
        "N8N_LISTEN_ADDRESS": context.listen,
        "N8N_PORT": str(settings.port),
        "N8N_SECURE_COOKIE": str((settings.url or "").startswith("https:")).lower(),
        "EXECUTIONS_DATA_MAX_AGE": str(settings.keep_days * 24),
    }
    if context.of_kind("nginx"):
        env |= {"N8N_PATH": settings.path, "N8N_PROXY_HOPS": "1"}
    if settings.url:
        env |= {"WEBHOOK_URL": settings.url, "N8N_EDITOR_BASE_URL": settings.url}
    defaults, more = overwrites(context, settings.ollama)
    return ServiceSpec(
        name=context.service,
        type="n8n",
        description="n8n",
        image=IMAGE,
        package=package(settings.database),
        process=Process(argv=("n8n", "start"), env=env | defaults, stop_seconds=45),
        resources=Resources(memory=settings.memory, reservation=settings.reservation, cpus=settings.cpus),
        health=well(settings.port),
        security=Security(uid=1000, executable_memory=True),
        networks=settings.networks,
        ports=(
            Port(name="http", number=settings.port, publish=settings.publish),
            Port(name="broker", number=settings.broker_port),
        ),
        volumes=(Volume(name="data", path=context.places.data),),
        backup=BackupPolicy(files=True),
        files=(*files, *more),
        needs=tuple(needs),
    )
