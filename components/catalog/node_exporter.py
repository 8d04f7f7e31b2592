"""Node exporter: CPU, memory and disks of the host.

Collectors: https://github.com/prometheus/node_exporter#collectors
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from components.context import Context
from components.settings import ServiceSettings
from components.spec import (
    HealthCheck,
    Image,
    Package,
    Port,
    Process,
    Requests,
    Resources,
    Scrape,
    Security,
    ServiceSpec,
)
from components.units import Bytes, PortNumber

IMAGE = Image(repository="prom/node-exporter", tag="v1.9.1")
# Those that the rules need, and that Linux and macOS both have.
COLLECTORS = ("cpu", "diskstats", "filesystem", "loadavg", "meminfo", "time", "uname")
PACKAGE = Package(
    programs=("node_exporter",),
    apt=("prometheus-node-exporter",),
    brew=("node_exporter",),
    aliases={"node_exporter": "prometheus-node-exporter"},
)


class Settings(ServiceSettings):
    """Keys of a node exporter."""

    memory: Annotated[Bytes, Field(ge=16 * 1024**2, description="Hard memory limit.")] = 32 * 1024**2
    port: Annotated[PortNumber, Field(description="Port of its metrics.")] = 9100


def requests(settings: Settings) -> Requests:
    """The host's figures."""
    return Requests(scrapes=(Scrape(),))


def spec(settings: Settings, context: Context) -> ServiceSpec:
    """One node exporter."""
    return ServiceSpec(
        name=context.service,
        type="node-exporter",
        description="Node exporter",
        image=IMAGE,
        package=PACKAGE,
        process=Process(
            argv=(
                "node_exporter",
                f"--web.listen-address={context.listen}:{settings.port}",
                "--collector.disable-defaults",
                *(f"--collector.{name}" for name in COLLECTORS),
                "--log.level=warn",
            ),
        ),
        resources=Resources(memory=settings.memory, reservation=settings.reservation, cpus=settings.cpus),
        health=HealthCheck(http=f"http://127.0.0.1:{settings.port}/"),
        security=Security(uid=65534),
        networks=("monitoring",),
        ports=(Port(name="http", number=settings.port, publish=settings.publish),),
        # CPU and memory are the host's in a container, too; of disks it sees where it lies itself.
        notes=("in a container it sees the disk of Docker's own data, and no other",)
        if context.listen == "0.0.0.0"
        else (),
    )
