"""n8n-worker: a process that runs the workflows which an n8n of the stack queues.

Queue mode: https://docs.n8n.io/hosting/scaling/queue-mode/
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from components.applications import MIB, ApplicationSettings, Identifier, Neighbour, key
from components.catalog import n8n
from components.context import Context
from components.neighbours import Database, Requests
from components.signals import Probe
from components.spec import Port, Process, Resources, SecretRef, Security, ServiceSpec, Volume
from components.units import Bytes, Count, PortNumber


class Settings(ApplicationSettings):
    """Keys of a worker; one is one process, and a stack may have several."""

    memory: Annotated[Bytes, Field(ge=512 * MIB, description="Hard memory limit.")] = 1024 * MIB
    port: Annotated[PortNumber, Field(description="Port on which it says whether it is well.")] = 5688
    broker_port: Annotated[
        PortNumber, Field(description="Port on which it hands code to the process that runs it.")
    ] = 5689
    main: Annotated[Neighbour, Field(description="The n8n it works for; the stack's if absent.")] = None
    database_name: Annotated[Identifier, Field(description="Name of that n8n's database.")] = "n8n"
    redis: Annotated[Neighbour, Field(description="That n8n's Redis; the stack's if absent.")] = None
    concurrency: Annotated[Count, Field(ge=1, le=100, description="Workflows that it runs at once.")] = 10


def requests(settings: Settings) -> Requests:
    """Where it says that it is well."""
    return Requests(probes=(Probe(path="/healthz"),))


def spec(settings: Settings, context: Context) -> ServiceSpec:
    """One worker with the key of its main process."""
    main = context.needed("n8n", settings.main)
    server = context.needed("postgres", settings.postgres)
    broker = context.needed("redis", settings.redis)
    paths, files = n8n.password_files(
        context,
        {
            "N8N_ENCRYPTION_KEY": key(main),
            "DB_POSTGRESDB_PASSWORD": Database(name=settings.database_name).password,
            "QUEUE_BULL_REDIS_PASSWORD": SecretRef(name=broker),
        },
    )
    defaults, more = n8n.overwrites(context, settings.ollama)
    env = (
        n8n.common(context, settings.memory, settings.broker_port)
        | n8n.postgres(context, server, settings.database_name)
        | n8n.queue(context, broker, main)
        | paths
        | defaults
        | {
            "QUEUE_HEALTH_CHECK_ACTIVE": "true",
            "QUEUE_HEALTH_CHECK_PORT": str(settings.port),
            "N8N_WORKER_SERVER_ADDRESS": context.listen,
        }
    )
    return ServiceSpec(
        name=context.service,
        type="n8n-worker",
        description="Worker of n8n",
        image=n8n.IMAGE,
        package=n8n.package("postgres"),
        process=Process(
            argv=("n8n", "worker", f"--concurrency={settings.concurrency}"), env=env, stop_seconds=45
        ),
        resources=Resources(memory=settings.memory, reservation=settings.reservation, cpus=settings.cpus),
        health=n8n.well(settings.port),
        security=Security(uid=1000, executable_memory=True),
        networks=settings.networks,
        ports=(
            Port(name="health", number=settings.port, publish=settings.publish),
            Port(name="broker", number=settings.broker_port),
        ),
        volumes=(Volume(name="data", path=context.places.data),),
        files=(*files, *more),
        # The main process makes the tables.
        needs=(main, server, broker),
    )
