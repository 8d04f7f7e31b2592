"""PgBouncer exporter: what a PgBouncer says of its pools, through an account that sees nothing else.

Configuration: https://github.com/spreaker/prometheus-pgbouncer-exporter#configuration-file
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from components.applications import asked
from components.context import Context
from components.neighbours import Requests, Watch
from components.rendering import render
from components.settings import ServiceSettings
from components.signals import Panel, Rule, Scrape
from components.spec import ConfigFile, Image, Package, Port, Process, Resources, Security, ServiceSpec
from components.units import Bytes, PortNumber

MIB = 1024**2
VERSION = "2.1.2"
IMAGE = Image(repository="spreaker/prometheus-pgbouncer-exporter", tag=VERSION)
PACKAGE = Package(
    programs=("pgbouncer-exporter",),
    # What it asks for itself no Python of today can build.
    venv=(
        "--no-deps",
        f"prometheus-pgbouncer-exporter=={VERSION}",
        "psycopg2-binary==2.9.11",
        "prometheus_client==0.26.0",
        "python-json-logger==2.0.7",
        "PyYAML==6.0.3",
    ),
)


class Settings(ServiceSettings):
    """Keys of a PgBouncer exporter."""

    memory: Annotated[Bytes, Field(ge=48 * MIB, description="Hard memory limit.")] = 64 * MIB
    port: Annotated[PortNumber, Field(description="Port of its metrics.")] = 9127
    watches: Annotated[str, Field(description="Name of the PgBouncer in this stack.")] = "pgbouncer"


def _panel(title: str, query: str, unit: str = "short") -> Panel:
    legend = "{{service}} {{database}}"
    return Panel(title=f"PgBouncer: {title}", query=query, unit=unit, group="data", legend=legend)


_CLIENTS = "sum by (service, database) (pgbouncer_pools_client_{}_connections)"
PANELS = (
    _panel("clients at work", _CLIENTS.format("active")),
    _panel("clients that wait", _CLIENTS.format("waiting")),
    _panel("longest wait", "max by (service, database) (pgbouncer_pools_client_maxwait_seconds)", "s"),
    _panel(
        "connections, of those it may have",
        "pgbouncer_databases_database_current_connections / pgbouncer_databases_database_max_connections",
        "percentunit",
    ),
    _panel("queries", "rate(pgbouncer_stats_queries_total[5m])", "reqps"),
)
_RULE = Rule(
    name="PoolShort",
    expr=f"{_CLIENTS.format('waiting')} > 0",
    wait=300,
    summary="{{ $value }} clients wait for a connection to {{ $labels.database }} of {{ $labels.service }}",
    remedy="Look for queries that take long or never end; else raise its pool, and max-connections behind it",
)


def requests(settings: Settings) -> Requests:
    """An account on the PgBouncer, and that its metrics be scraped."""
    return Requests(
        scrapes=(Scrape(alive="pgbouncer_up"),),
        watches=(Watch(service=settings.watches),),
        rules=(_RULE,),
        panels=PANELS,
    )


def spec(settings: Settings, context: Context) -> ServiceSpec:
    """One exporter of one PgBouncer."""
    (watch,) = requests(settings).watches
    path = context.secret_path("exporter.yml")
    content = render(
        "pgbouncer_exporter/exporter.yml.j2",
        settings=settings,
        context=context,
        watch=watch,
        target=context.endpoint(settings.watches),
    )
    return ServiceSpec(
        name=context.service,
        type="pgbouncer-exporter",
        description="PgBouncer exporter",
        image=IMAGE,
        package=PACKAGE,
        process=Process(
            argv=("pgbouncer-exporter", "--config", path, "--log-level=WARNING"),
            env={"HOME": context.places.run, "PYTHONDONTWRITEBYTECODE": "1"},
        ),
        resources=Resources(memory=settings.memory, reservation=settings.reservation, cpus=settings.cpus),
        health=asked(f"http://127.0.0.1:{settings.port}/metrics", by="python3", start_period=30),
        security=Security(uid=65534),
        networks=("data", "monitoring"),
        ports=(Port(name="http", number=settings.port, publish=settings.publish),),
        files=(ConfigFile(path=path, content=content, secrets={"watch": watch.password}),),
        needs=(settings.watches,),
    )
