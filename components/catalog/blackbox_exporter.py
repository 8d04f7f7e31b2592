"""Blackbox exporter: asks addresses whether they answer, as a neighbour would.

Modules: https://github.com/prometheus/blackbox_exporter/blob/master/CONFIGURATION.md
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
)
from components.units import Bytes, PortNumber

IMAGE = Image(repository="prom/blackbox-exporter", tag="v0.27.0")
PACKAGE = Package(
    programs=("blackbox_exporter",),
    apt=("prometheus-blackbox-exporter",),
    aliases={"blackbox_exporter": "prometheus-blackbox-exporter"},
)


class Settings(ServiceSettings):
    """Keys of a blackbox exporter."""

    memory: Annotated[Bytes, Field(ge=16 * 1024**2, description="Hard memory limit.")] = 48 * 1024**2
    port: Annotated[PortNumber, Field(description="Port that probes are asked for on.")] = 9115


_LATENCY = "max by (service) (quantile_over_time({}, probe_duration_seconds[5m]))"
PANELS = (
    Panel(title="Answers", query="min by (service) (probe_success)", group="health"),
    Panel(
        title="Answered within a day",
        query="min by (service) (avg_over_time(probe_success[1d]))",
        unit="percentunit",
        group="health",
    ),
    Panel(
        title="Certificates end in",
        query="min by (service) (probe_ssl_earliest_cert_expiry - time())",
        unit="dtdurations",
        group="health",
    ),
    *(
        Panel(title=f"Probes {name}", query=_LATENCY.format(share), unit="s", group="latency")
        for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
    ),
)


def requests(settings: Settings) -> Requests:
    """It asks for others, and has metrics of its own."""
    return Requests(
        scrapes=(Scrape(),), probes=(Probe(path="/-/healthy"),), panels=PANELS, offers=("probes",)
    )


def spec(settings: Settings, context: Context) -> ServiceSpec:
    """One blackbox exporter; what it asks is told with each question."""
    return ServiceSpec(
        name=context.service,
        type="blackbox-exporter",
        description="Blackbox exporter",
        image=IMAGE,
        package=PACKAGE,
        process=Process(
            argv=(
                "blackbox_exporter",
                f"--config.file={context.path('blackbox.yml')}",
                f"--web.listen-address={context.listen}:{settings.port}",
                "--log.level=warn",
            ),
        ),
        resources=Resources(memory=settings.memory, reservation=settings.reservation, cpus=settings.cpus),
        health=HealthCheck(http=f"http://127.0.0.1:{settings.port}/-/healthy"),
        security=Security(uid=65534),
        networks=("backend", "data", "monitoring"),
        ports=(Port(name="http", number=settings.port, publish=settings.publish),),
        files=(
            ConfigFile(
                path=context.path("blackbox.yml"),
                content=render("blackbox_exporter/blackbox.yml.j2", context=context),
            ),
        ),
        check=("blackbox_exporter", "--config.check", f"--config.file={context.path('blackbox.yml')}"),
    )
