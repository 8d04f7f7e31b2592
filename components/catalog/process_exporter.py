"""Process exporter: what the processes of each service take of the host.

Configuration: https://github.com/ncabatoff/process-exporter#configuration
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from components.context import Context
from components.neighbours import Requests
from components.rendering import render
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

IMAGE = Image(repository="ncabatoff/process-exporter", tag="0.8.7", program="/bin/process-exporter")
PACKAGE = Package(
    programs=("process-exporter",),
    apt=("prometheus-process-exporter",),
    aliases={"process-exporter": "prometheus-process-exporter"},
)
PANELS = (
    Panel(
        title="CPU of processes",
        query="100 * sum by (groupname) (rate(namedprocess_namegroup_cpu_seconds_total[5m]))",
        unit="percent",
        group="processes",
        legend="{{groupname}}",
    ),
    Panel(
        title="Memory of processes",
        query='sum by (groupname) (namedprocess_namegroup_memory_bytes{memtype="resident"})',
        unit="bytes",
        group="processes",
        legend="{{groupname}}",
    ),
    Panel(
        title="Number of processes",
        query="sum by (groupname) (namedprocess_namegroup_num_procs)",
        group="processes",
        legend="{{groupname}}",
    ),
)


class Settings(ServiceSettings):
    """Keys of a process exporter."""

    memory: Annotated[Bytes, Field(ge=16 * 1024**2, description="Hard memory limit.")] = 32 * 1024**2
    port: Annotated[PortNumber, Field(description="Port of its metrics.")] = 9256


def requests(settings: Settings) -> Requests:
    """The figures of every service's processes."""
    return Requests(scrapes=(Scrape(),), panels=PANELS)


def spec(settings: Settings, context: Context) -> ServiceSpec:
    """One process exporter."""
    processes = context.processes
    return ServiceSpec(
        name=context.service,
        type="process-exporter",
        description="Process exporter",
        image=IMAGE,
        package=PACKAGE,
        process=Process(
            argv=(
                "process-exporter",
                f"-config.path={context.path('processes.yml')}",
                f"-procfs={processes.proc}",
                # Open files and memory maps are for their owner's eyes.
                "-gather-smaps=false",
                f"-web.listen-address={context.listen}:{settings.port}",
            ),
        ),
        resources=Resources(memory=settings.memory, reservation=settings.reservation, cpus=settings.cpus),
        health=HealthCheck(
            http=f"http://127.0.0.1:{settings.port}/",
            # The image holds the program alone, so that a container can be asked only whether it starts.
            argv=("/bin/process-exporter", "-version"),
        ),
        # Names, CPU and memory of processes; what they do it may not see.
        security=Security(uid=65534, host_mounts=processes.mounts, sees_processes=True),
        networks=("monitoring",),
        ports=(Port(name="http", number=settings.port, publish=settings.publish),),
        files=(
            ConfigFile(
                path=context.path("processes.yml"),
                content=render("process_exporter/processes.yml.j2", context=context, processes=processes),
            ),
        ),
    )
