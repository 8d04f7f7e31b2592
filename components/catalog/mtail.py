"""mtail: counts the requests that go through nginx by service, from the line that nginx says of each.

Flags and language: https://google.github.io/mtail/
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from components.context import Context
from components.neighbours import Requests
from components.rendering import render
from components.settings import ServiceSettings
from components.signals import Panel, Rule, Scrape
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

MIB = 1024**2
IMAGE = Image(repository="ghcr.io/jaqx0r/mtail", tag="v3.2.26", program="/usr/bin/mtail")
PACKAGE = Package(programs=("mtail",), apt=("mtail",), brew=("mtail",))
PROGRAM = "requests.mtail"
SECONDS = "nginx_request_seconds"
_STREAMS = "nginx_stream_seconds"
_RATE = "sum by (service) (rate(nginx_requests_by_service_total[5m]))"
_FAILED = 'sum by (service) (rate(nginx_requests_by_service_total{status="5xx"}[5m])) / ' + _RATE


class Settings(ServiceSettings):
    """Keys of an mtail."""

    memory: Annotated[Bytes, Field(ge=32 * MIB, description="Hard memory limit.")] = 64 * MIB
    port: Annotated[
        PortNumber,
        Field(description="Port of its metrics (TCP) and, without containers, of nginx's lines (UDP)."),
    ] = 3903
    errors_percent: Annotated[
        float,
        Field(gt=0, lt=100, description="More answers 5xx than this within five minutes are an alert."),
    ] = 5


PANELS = (
    Panel(title="Requests", query=_RATE, unit="reqps", group="health"),
    Panel(
        title="Answers by status",
        query="sum by (service, status) (rate(nginx_requests_by_service_total[5m]))",
        unit="reqps",
        group="health",
        legend="{{service}} {{status}}",
    ),
    Panel(title="Share of answers 5xx", query=_FAILED, unit="percentunit", group="health"),
    Panel(
        title="Nginx: streams p95, to their end",
        query=f"histogram_quantile(0.95, sum by (service, le) (rate({_STREAMS}_bucket[5m])))",
        unit="s",
        group="latency",
    ),
)


def requests(settings: Settings) -> Requests:
    """It counts for whoever leads to the services, and brings the alert about those that fail."""
    errors = Rule(
        name="ServiceErrors",
        expr=f"{_FAILED} > {settings.errors_percent / 100:g}",
        summary="{{ $value | humanizePercentage }} of the answers of {{ $labels.service }} are errors",
        remedy="Read the last lines that it logged; 502 and 504 are nginx's own, when it does not answer",
        severity="critical",
    )
    return Requests(
        scrapes=(Scrape(tells_service=True, latency=SECONDS),),
        rules=(errors,),
        panels=PANELS,
        offers=("counts",),
    )


def spec(settings: Settings, context: Context) -> ServiceSpec:
    """One mtail for every nginx of the stack."""
    context.needed("nginx")
    logs = context.logs
    program = context.path(PROGRAM)
    # The lines lie among what containers print; without containers they come by datagrams, of which a few
    # may be lost under load, and which nobody has to keep, rotate or be let in to read.
    lines = logs.containers or f"udp://{context.listen}:{settings.port}"
    return ServiceSpec(
        name=context.service,
        type="mtail",
        description="mtail",
        image=IMAGE,
        package=PACKAGE,
        process=Process(
            argv=(
                "mtail",
                f"--progs={program}",
                f"--logs={lines}",
                f"--address={context.listen}",
                f"--port={settings.port}",
                "--emit_prog_label=false",
                "--logtostderr",
            ),
            env={"GOMEMLIMIT": str(settings.memory * 85 // 100)},
        ),
        resources=Resources(memory=settings.memory, reservation=settings.reservation, cpus=settings.cpus),
        health=HealthCheck(
            http=f"http://127.0.0.1:{settings.port}/metrics",
            # The image holds the program alone, so that a container can be asked only whether it starts.
            argv=("mtail", "--version"),
        ),
        security=Security(
            # Docker's files are root's alone, so that in a container only root reads them: it has no
            # capability there, and sees nothing else of the host.
            uid=0 if logs.mounts else 65534,
            host_mounts=logs.mounts,
            reads_logs=bool(logs.containers),
        ),
        networks=("monitoring",),
        ports=(Port(name="http", number=settings.port, publish=settings.publish),),
        files=(
            ConfigFile(path=program, content=render("mtail/requests.mtail.j2", context=context, logs=logs)),
        ),
        check=("mtail", "--compile_only", f"--progs={program}"),
    )
