"""Loki: keeps what the services log, for as long as it is told, and finds it again.

Configuration: https://grafana.com/docs/loki/latest/configure/
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from components.context import Context
from components.neighbours import Requests
from components.rendering import render
from components.settings import ServiceSettings
from components.signals import Panel, Probe, Scrape
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
    Volume,
)
from components.units import Bytes, PortNumber, Seconds

MIB = 1024**2
# Equal to the requirement in toolchain/loki/go.mod (a test sees to that).
VERSION = "3.7.8"
IMAGE = Image(repository="grafana/loki", tag=VERSION)
PACKAGE = Package(programs=("loki",), brew=("loki",), go="loki")
_BAD = "|~ `(?i)\\b(error|fatal|panic|critical)\\b`"
PANELS = (
    Panel(
        title="Lines a second",
        query='sum by (service) (rate({service=~".+"}[5m]))',
        group="logs",
        language="logql",
    ),
    Panel(
        title="Lines a second that speak of errors",
        query=f'sum by (service) (rate({{service=~".+"}} {_BAD} [5m]))',
        group="logs",
        language="logql",
    ),
    Panel(
        title="What speaks of errors",
        query=f'{{service=~".+"}} {_BAD}',
        group="logs",
        language="logql",
        lines=True,
    ),
    Panel(title="Everything", query='{service=~".+"}', group="logs", language="logql", lines=True),
)


class Settings(ServiceSettings):
    """Keys of a Loki."""

    memory: Annotated[Bytes, Field(ge=128 * MIB, description="Hard memory limit.")] = 256 * MIB
    port: Annotated[PortNumber, Field(description="Port of its API.")] = 3100
    grpc_port: Annotated[
        PortNumber, Field(description="Port on which its own parts speak to each other, on 127.0.0.1.")
    ] = 9096
    retention: Annotated[
        # It deletes by the day at the finest, as its index is kept.
        Seconds,
        Field(ge=86400, description="How long lines are kept."),
    ] = 7 * 86400
    rate: Annotated[
        Bytes, Field(ge=MIB, description="What all services together may log in a second; more is dropped.")
    ] = 4 * MIB


def requests(settings: Settings) -> Requests:
    """It takes logs, and can be scraped and asked."""
    return Requests(
        scrapes=(Scrape(latency="loki_request_duration_seconds"),),
        probes=(Probe(path="/ready"),),
        panels=PANELS,
        offers=("logs",),
    )


def spec(settings: Settings, context: Context) -> ServiceSpec:
    """One Loki, all its parts in one process, with its data on disk."""
    configuration = context.path("loki.yaml")
    return ServiceSpec(
        name=context.service,
        type="loki",
        description="Loki",
        image=IMAGE,
        package=PACKAGE,
        process=Process(
            argv=("loki", f"-config.file={configuration}"),
            env={"GOMEMLIMIT": str(settings.memory * 85 // 100)},
            # What is in memory is written out.
            stop_seconds=60,
        ),
        resources=Resources(memory=settings.memory, reservation=settings.reservation, cpus=settings.cpus),
        health=HealthCheck(
            http=f"http://127.0.0.1:{settings.port}/ready",
            # The image holds the program alone, and that asks for itself.
            argv=("loki", "-health", f"-health.url=http://127.0.0.1:{settings.port}/ready"),
            start_period=60,
        ),
        security=Security(uid=10001),
        networks=("monitoring",),
        ports=(
            Port(name="http", number=settings.port, publish=settings.publish),
            Port(name="grpc", number=settings.grpc_port),
        ),
        volumes=(Volume(name="data", path=context.places.data),),
        files=(
            ConfigFile(
                path=configuration,
                content=render("loki/loki.yaml.j2", settings=settings, context=context, MIB=MIB),
            ),
        ),
        check=("loki", f"-config.file={configuration}", "-verify-config"),
    )
