"""Vector: ships what the services log to Loki, in place of Alloy.

Configuration: https://vector.dev/docs/reference/configuration/
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
    Security,
    ServiceSpec,
    Volume,
)
from components.units import Bytes, PortNumber

MIB = 1024**2
IMAGE = Image(repository="timberio/vector", tag="0.51.1-debian")
PACKAGE = Package(
    programs=("vector",),
    # Of Vector's own repository, where the machine has it.
    apt=("vector",),
    brew=("vectordotdev/brew/vector",),
)


class Settings(ServiceSettings):
    """Keys of a Vector."""

    memory: Annotated[Bytes, Field(ge=48 * MIB, description="Hard memory limit.")] = 128 * MIB
    port: Annotated[PortNumber, Field(description="Port on which it says that it is well.")] = 8686


def requests(settings: Settings) -> Requests:
    """It can be asked."""
    return Requests(probes=(Probe(path="/health"),))


def spec(settings: Settings, context: Context) -> ServiceSpec:
    """One Vector for all services of the stack."""
    logs, store = context.logs, context.taker("logs")
    return ServiceSpec(
        name=context.service,
        type="vector",
        description="Vector",
        image=IMAGE,
        package=PACKAGE,
        process=Process(
            argv=("vector", "--quiet", "--config", context.path("vector.yaml")),
        ),
        resources=Resources(memory=settings.memory, reservation=settings.reservation, cpus=settings.cpus),
        health=HealthCheck(
            http=f"http://127.0.0.1:{settings.port}/health",
            # The image has no client to ask with, and a shell that opens connections.
            argv=("bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{settings.port}"),
        ),
        security=Security(
            # Docker's files are root's alone, so that in a container only root reads them: it has no
            # capability there, and sees nothing else of the host.
            uid=0 if logs.mounts else 65534,
            host_mounts=logs.mounts,
            reads_logs=True,
        ),
        networks=("monitoring",),
        ports=(Port(name="http", number=settings.port, publish=settings.publish),),
        volumes=(Volume(name="data", path=context.places.data),),
        files=(
            ConfigFile(
                path=context.path("vector.yaml"),
                content=render(
                    "vector/vector.yaml.j2",
                    settings=settings,
                    context=context,
                    logs=logs,
                    target=context.endpoint(store),
                ),
            ),
        ),
        needs=(store,),
        check=("vector", "validate", "--no-environment", context.path("vector.yaml")),
    )
