"""Alertmanager: groups alerts, shows them and passes them on.

Configuration: https://prometheus.io/docs/alerting/latest/configuration/
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from components.context import Context
from components.neighbours import Requests
from components.rendering import render
from components.settings import ServiceSettings
from components.signals import Probe, Scrape
from components.spec import (
    BackupPolicy,
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

IMAGE = Image(repository="prom/alertmanager", tag="v0.28.1")
PACKAGE = Package(
    programs=("alertmanager", "amtool"),
    apt=("prometheus-alertmanager",),
    aliases={"alertmanager": "prometheus-alertmanager"},
)


class Settings(ServiceSettings):
    """Keys of an Alertmanager."""

    memory: Annotated[Bytes, Field(ge=32 * 1024**2, description="Hard memory limit.")] = 64 * 1024**2
    port: Annotated[PortNumber, Field(description="Port of its page and API.")] = 9093
    webhook: Annotated[
        str | None,
        Field(
            pattern=r"^https?://[^@\s]+$",
            description="Address that every group of alerts is sent to; without one they are only shown.",
        ),
    ] = None
    group_wait: Annotated[
        Seconds, Field(description="How long the first alert of a group waits for others.")
    ] = 10
    repeat: Annotated[Seconds, Field(ge=60, description="When an alert that stays is sent again.")] = 4 * 3600


def requests(settings: Settings) -> Requests:
    """It takes alerts, and can be scraped and asked."""
    return Requests(
        scrapes=(Scrape(latency="alertmanager_http_request_duration_seconds"),),
        probes=(Probe(path="/-/ready"),),
        offers=("alerts",),
    )


def spec(settings: Settings, context: Context) -> ServiceSpec:
    """One Alertmanager, alone and without a cluster."""
    return ServiceSpec(
        name=context.service,
        type="alertmanager",
        description="Alertmanager",
        image=IMAGE,
        package=PACKAGE,
        process=Process(
            argv=(
                "alertmanager",
                f"--config.file={context.path('alertmanager.yml')}",
                f"--storage.path={context.places.data}",
                f"--web.listen-address={context.listen}:{settings.port}",
                # Empty: there are no others to gossip with.
                "--cluster.listen-address=",
                "--log.level=warn",
            )
        ),
        resources=Resources(memory=settings.memory, reservation=settings.reservation, cpus=settings.cpus),
        health=HealthCheck(http=f"http://127.0.0.1:{settings.port}/-/ready"),
        security=Security(uid=65534),
        # The webhook may be anywhere.
        networks=("monitoring", "egress") if settings.webhook else ("monitoring",),
        ports=(Port(name="http", number=settings.port, publish=settings.publish),),
        volumes=(Volume(name="data", path=context.places.data),),
        # Silences; they are written when it stops.
        backup=BackupPolicy(files=True),
        files=(
            ConfigFile(
                path=context.path("alertmanager.yml"),
                content=render("alertmanager/alertmanager.yml.j2", settings=settings, context=context),
            ),
        ),
        check=("amtool", "check-config", context.path("alertmanager.yml")),
        notes=() if settings.webhook else ("no webhook: alerts are shown, and sent to nobody",),
    )
