"""Grafana Alloy: ships what the services log to Loki.

Configuration: https://grafana.com/docs/alloy/latest/reference/
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
IMAGE = Image(repository="grafana/alloy", tag="v1.14.0")
PACKAGE = Package(
    programs=("alloy",),
    # Of Grafana's own repository, where the machine has it.
    apt=("alloy",),
    brew=("grafana/grafana/alloy",),
)


class Settings(ServiceSettings):
    """Keys of an Alloy."""

    memory: Annotated[Bytes, Field(ge=48 * MIB, description="Hard memory limit.")] = 192 * MIB
    port: Annotated[PortNumber, Field(description="Port of its own figures.")] = 12345


def requests(settings: Settings) -> Requests:
    """It can be scraped and asked."""
    return Requests(scrapes=(Scrape(),), probes=(Probe(path="/-/ready"),))


def spec(settings: Settings, context: Context) -> ServiceSpec:
    """One Alloy for all services of the stack."""
    logs, store = context.logs, context.taker("logs")
    return ServiceSpec(
        name=context.service,
        type="alloy",
        description="Grafana Alloy",
        image=IMAGE,
        package=PACKAGE,
        process=Process(
            argv=(
                "alloy",
                "run",
                f"--server.http.listen-addr={context.listen}:{settings.port}",
                f"--storage.path={context.places.data}",
                "--disable-reporting",
                # It would hold all that Alloy knows, in plain text.
                "--disable-support-bundle",
                context.path("config.alloy"),
            ),
            env={"GOMEMLIMIT": str(settings.memory * 85 // 100)},
        ),
        resources=Resources(memory=settings.memory, reservation=settings.reservation, cpus=settings.cpus),
        health=HealthCheck(
            http=f"http://127.0.0.1:{settings.port}/-/ready",
            # The image has no client to ask with, and a shell that opens connections.
            argv=("bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{settings.port}"),
        ),
        security=Security(
            # Docker's files are root's alone, so that in a container only root reads them: it has no
            # capability there, and sees nothing else of the host.
            uid=0 if logs.mounts else 473,
            host_mounts=logs.mounts,
            reads_logs=True,
        ),
        networks=("monitoring",),
        ports=(Port(name="http", number=settings.port, publish=settings.publish),),
        volumes=(Volume(name="data", path=context.places.data),),
        files=(
            ConfigFile(
                path=context.path("config.alloy"),
                content=render(
                    "alloy/config.alloy.j2",
                    settings=settings,
                    context=context,
                    logs=logs,
                    target=context.endpoint(store),
                ),
            ),
        ),
        needs=(store,),
        check=("alloy", "validate", context.path("config.alloy")),
    )
