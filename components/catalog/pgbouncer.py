"""PgBouncer: many clients on few connections to the stack's PostgreSQL.

Settings: https://www.pgbouncer.org/config.html
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from components.applications import Neighbour
from components.catalog import postgres
from components.context import Context, Endpoint
from components.neighbours import Client, Database
from components.rendering import render
from components.settings import ServiceSettings
from components.spec import (
    ConfigFile,
    HealthCheck,
    Image,
    Package,
    Port,
    Process,
    Resources,
    Security,
    ServiceSpec,
    Task,
)
from components.units import Bytes, Count, PortNumber, Seconds

IMAGE = Image(repository="edoburu/pgbouncer", tag="v1.25.1-p0")
PACKAGE = Package(programs=("pgbouncer",), apt=("pgbouncer",), brew=("pgbouncer",))


class Settings(ServiceSettings):
    """Keys of a PgBouncer."""

    memory: Annotated[Bytes, Field(ge=16 * 1024**2, description="Hard memory limit.")] = 32 * 1024**2
    port: Annotated[PortNumber, Field(description="Port that clients connect to.")] = 6432
    postgres: Annotated[Neighbour, Field(description="PostgreSQL to use; the stack's if absent.")] = None
    pool: Annotated[Count, Field(ge=1, le=500, description="Connections that each database gets.")] = 20
    overflow: Annotated[
        Count, Field(ge=0, le=500, description="Connections beyond them while clients wait for long.")
    ] = 40
    timeout: Annotated[Seconds, Field(ge=1, description="Longest that a client waits for a connection.")] = 30
    # Below the 1024 files that a process may usually have open.
    max_clients: Annotated[Count, Field(ge=1, le=900, description="Most clients at once.")] = 500


def client(settings: Settings, name: str, endpoint: Endpoint, database: Database | None) -> Client:
    """As PostgreSQL itself is reached: its users do not see the pool."""
    return postgres.client_of(name, endpoint, database)


def spec(settings: Settings, context: Context) -> ServiceSpec:
    """One pool for each database of the stack; a connection is a client's for one transaction."""
    databases = context.databases()
    server = context.needed("postgres", settings.postgres)
    watch = next(iter(context.watches()), None)
    users = postgres.accounts(context, databases)
    if watch:
        users[watch.account] = watch.password
    # Whoever runs the process is let in to its console, and nobody else.
    console = (
        "psql", "-X", "-q", "-h", context.places.run, "-p", str(settings.port),
        "-U", "pgbouncer", "-d", "pgbouncer", "-c",
    )  # fmt: skip
    most = len(databases) * (settings.pool + settings.overflow)
    return ServiceSpec(
        name=context.service,
        type="pgbouncer",
        description="PgBouncer",
        image=IMAGE,
        package=PACKAGE,
        process=Process(
            argv=("pgbouncer", context.path("pgbouncer.ini")),
            # Clients finish what they have begun.
            stop_signal="SIGINT",
        ),
        resources=Resources(memory=settings.memory, reservation=settings.reservation, cpus=settings.cpus),
        health=HealthCheck(
            argv=(*console, "SHOW VERSION"),
        ),
        security=Security(uid=70),
        networks=("data",),
        ports=(Port(name="postgres", number=settings.port, publish=settings.publish),),
        files=(
            ConfigFile(
                path=context.path("pgbouncer.ini"),
                content=render(
                    "pgbouncer/pgbouncer.ini.j2",
                    settings=settings,
                    context=context,
                    databases=databases,
                    target=context.endpoint(server),
                    watch=watch,
                ),
            ),
            ConfigFile(
                path=context.secret_path("users.txt"),
                content="".join(f'"{name}" "@@{name}@@"\n' for name in users),
                secrets=users,
            ),
        ),
        renewable={base.password.name: "both" for base in databases}
        | ({watch.password.name: "once"} if watch else {}),
        live_secrets=True,
        tasks=(Task(name="accounts", argv=(*console, "RELOAD")),),
        needs=(server,),
        notes=(f"up to {most} connections to {server}: its max-connections must allow them",),
    )  # fmt: skip
