"""Grafana Alloy: ships what the services log to Loki.

Configuration: https://grafana.com/docs/alloy/latest/reference/
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from components.context import Context
from components.neighbours import Requests
from components.settings import ServiceSettings
from components.shippers import Shipper
from components.signals import Probe, Scrape
from components.spec import Image, Package, ServiceSpec
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
    file = "config.alloy"
    return Shipper(
        kind="alloy",
        description="Grafana Alloy",
        image=IMAGE,
        package=PACKAGE,
        uid=473,
        file=file,
        ready="/-/ready",
        argv=(
            "alloy",
            "run",
            f"--server.http.listen-addr={context.listen}:{settings.port}",
            f"--storage.path={context.places.data}",
            "--disable-reporting",
            # It would hold all that Alloy knows, in plain text.
            "--disable-support-bundle",
            context.path(file),
        ),
        check=("alloy", "validate", context.path(file)),
        env={"GOMEMLIMIT": str(settings.memory * 85 // 100)},
    ).spec(settings, context)
