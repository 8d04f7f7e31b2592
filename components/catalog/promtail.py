"""Promtail: ships what the services log to Loki; at its end of life, for hosts without Alloy.

Configuration: https://grafana.com/docs/loki/latest/send-data/promtail/configuration/
"""

from __future__ import annotations

from dataclasses import replace
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
# The last series: https://grafana.com/docs/loki/latest/send-data/promtail/. Equal to the requirement in
# toolchain/promtail/go.mod (a test sees to that).
VERSION = "3.5.7"
IMAGE = Image(repository="grafana/promtail", tag=VERSION)
PACKAGE = Package(programs=("promtail",), brew=("promtail",), go="promtail")
# What was built without it says nothing, and ships nothing.
_READS_UNITS = (
    "promtail -version | grep -q promtail_journal_enabled || "
    "{ echo 'it cannot read the journal; where libsystemd-dev and a C compiler are, one is built that can'; "
    "exit 1; }"
)


class Settings(ServiceSettings):
    """Keys of a Promtail."""

    memory: Annotated[Bytes, Field(ge=48 * MIB, description="Hard memory limit.")] = 128 * MIB
    port: Annotated[PortNumber, Field(description="Port of its own figures.")] = 9080


def requests(settings: Settings) -> Requests:
    """It can be scraped and asked."""
    return Requests(scrapes=(Scrape(),), probes=(Probe(path="/ready"),))


def spec(settings: Settings, context: Context) -> ServiceSpec:
    """One Promtail for all services of the stack."""
    file = "promtail.yaml"
    argv = ("promtail", f"-config.file={context.path(file)}")
    probe = ("sh", "-c", _READS_UNITS) if context.logs.units else ()
    return Shipper(
        kind="promtail",
        description="Promtail",
        image=IMAGE,
        package=replace(PACKAGE, probe=probe),
        uid=10001,
        file=file,
        ready="/ready",
        argv=argv,
        check=(*argv, "-check-syntax"),
        env={"GOMEMLIMIT": str(settings.memory * 85 // 100)},
        notes=("at its end of life since March 2026: Alloy follows it",),
    ).spec(settings, context)
