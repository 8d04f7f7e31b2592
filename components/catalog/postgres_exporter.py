"""PostgreSQL exporter: what a PostgreSQL says of itself, through a role that reads no table.

Environment: https://github.com/prometheus-community/postgres_exporter#environment-variables
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from components.context import Context
from components.neighbours import Requests, Watch
from components.settings import ServiceSettings
from components.signals import Panel, Scrape
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
)
from components.units import Bytes, PortNumber

IMAGE = Image(repository="prometheuscommunity/postgres-exporter", tag="v0.17.1")
PACKAGE = Package(
    programs=("postgres_exporter",),
    apt=("prometheus-postgres-exporter",),
    aliases={"postgres_exporter": "prometheus-postgres-exporter"},
)


class Settings(ServiceSettings):
    """Keys of a PostgreSQL exporter."""

    memory: Annotated[Bytes, Field(ge=16 * 1024**2, description="Hard memory limit.")] = 48 * 1024**2
    port: Annotated[PortNumber, Field(description="Port of its metrics.")] = 9187
    watches: Annotated[str, Field(description="Name of the PostgreSQL in this stack.")] = "postgres"


PANELS = (
    Panel(
        title="PostgreSQL: connections",
        query="sum by (service) (pg_stat_database_numbackends)",
        group="data",
    ),
    Panel(
        title="PostgreSQL: databases",
        query="pg_database_size_bytes",
        unit="bytes",
        group="data",
        legend="{{service}} {{datname}}",
    ),
    Panel(
        title="PostgreSQL: transactions",
        query="sum by (service) (rate(pg_stat_database_xact_commit[5m]))",
        unit="reqps",
        group="data",
    ),
    Panel(
        title="PostgreSQL: rolled back",
        query="sum by (service) (rate(pg_stat_database_xact_rollback[5m]))",
        unit="reqps",
        group="data",
    ),
    Panel(
        title="PostgreSQL: found in memory",
        query="sum by (service) (rate(pg_stat_database_blks_hit[5m])) / sum by (service)"
        " (rate(pg_stat_database_blks_hit[5m]) + rate(pg_stat_database_blks_read[5m]))",
        unit="percentunit",
        group="data",
    ),
)


def requests(settings: Settings) -> Requests:
    """A role on the PostgreSQL, and that its metrics be scraped."""
    return Requests(
        scrapes=(Scrape(alive="pg_up"),), watches=(Watch(service=settings.watches),), panels=PANELS
    )


def spec(settings: Settings, context: Context) -> ServiceSpec:
    """One exporter of one PostgreSQL."""
    (watch,) = requests(settings).watches
    target = context.endpoint(settings.watches)
    return ServiceSpec(
        name=context.service,
        type="postgres-exporter",
        description="PostgreSQL exporter",
        image=IMAGE,
        package=PACKAGE,
        process=Process(
            argv=(
                "postgres_exporter",
                f"--web.listen-address={context.listen}:{settings.port}",
                "--log.level=error",
            ),
            env={
                # Encryption is for networks that others are on; this one is private.
                "DATA_SOURCE_URI": f"{target}/postgres?sslmode=disable",
                "DATA_SOURCE_USER": watch.account,
                "DATA_SOURCE_PASS_FILE": context.secret_path("password"),
            },
        ),
        resources=Resources(memory=settings.memory, reservation=settings.reservation, cpus=settings.cpus),
        health=HealthCheck(http=f"http://127.0.0.1:{settings.port}/"),
        security=Security(uid=65534),
        networks=("data", "monitoring"),
        ports=(Port(name="http", number=settings.port, publish=settings.publish),),
        files=(
            ConfigFile(
                path=context.secret_path("password"),
                content="@@password@@",
                secrets={"password": watch.password},
            ),
        ),
        needs=(settings.watches,),
    )
