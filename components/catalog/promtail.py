"""Promtail: ships what the services log to Loki; at its end of life, for hosts without Alloy.

Configuration: https://grafana.com/docs/loki/latest/send-data/promtail/configuration/
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from components.context import Context
from components.rendering import render
from components.settings import ServiceSettings
from components.spec import (
    ConfigFile,
    HealthCheck,
    Image,
    Package,
    Port,
    Probe,
    Process,
    Requests,
    Resources,
    Scrape,
    Security,
    ServiceSpec,
    Volume,
)
from components.units import Bytes, PortNumber

MIB = 1024**2
# The last series: https://grafana.com/docs/loki/latest/send-data/promtail/. Equal to the requirement in
# toolchain/promtail/go.mod (a test sees to that).
VERSION = "3.5.7"
IMAGE = Image(repository="grafana/promtail", tag=VERSION)
PACKAGE = Package(programs=("promtail",), brew=("promtail",), go="promtail")


class Settings(ServiceSettings):
    """Keys of a Promtail."""

    memory: Annotated[Bytes, Field(ge=48 * MIB, description="Hard memory limit.")] = 128 * MIB
    port: Annotated[PortNumber, Field(description="Port of its own figures.")] = 9080


def requests(settings: Settings) -> Requests:
    """It can be scraped and asked."""
    return Requests(scrapes=(Scrape(),), probes=(Probe(path="/ready"),))


def spec(settings: Settings, context: Context) -> ServiceSpec:
    """One Promtail for all services of the stack."""
    logs, store = context.logs, context.taker("logs")
    return ServiceSpec(
        name=context.service,
        type="promtail",
        description="Promtail",
        image=IMAGE,
        package=PACKAGE,
        process=Process(
            argv=(
                "promtail",
                f"-config.file={context.path('promtail.yaml')}",
            ),
            env={"GOMEMLIMIT": str(settings.memory * 85 // 100)},
        ),
        resources=Resources(memory=settings.memory, reservation=settings.reservation, cpus=settings.cpus),
        health=HealthCheck(
            http=f"http://127.0.0.1:{settings.port}/ready",
            # The image has no client to ask with, and a shell that opens connections.
            argv=("bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{settings.port}"),
        ),
        security=Security(
            # Docker's files are root's alone, so that in a container only root reads them: it has no
            # capability there, and sees nothing else of the host.
            uid=0 if logs.mounts else 10001,
            host_mounts=logs.mounts,
            reads_logs=True,
        ),
        networks=("monitoring",),
        ports=(Port(name="http", number=settings.port, publish=settings.publish),),
        volumes=(Volume(name="data", path=context.places.data),),
        files=(
            ConfigFile(
                path=context.path("promtail.yaml"),
                content=render(
                    "promtail/promtail.yaml.j2",
                    settings=settings,
                    context=context,
                    logs=logs,
                    target=context.endpoint(store),
                ),
            ),
        ),
        needs=(store,),
        check=("promtail", f"-config.file={context.path('promtail.yaml')}", "-check-syntax"),
        notes=("at its end of life since March 2026: Alloy follows it",),
    )
