"""Vector: ships what the services log to Loki, in place of Alloy.

Configuration: https://vector.dev/docs/reference/configuration/
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from components.context import Context
from components.neighbours import Requests
from components.settings import ServiceSettings
from components.shippers import Shipper
from components.signals import Probe
from components.spec import Image, Package, ServiceSpec
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
    file = "vector.yaml"
    return Shipper(
        kind="vector",
        description="Vector",
        image=IMAGE,
        package=PACKAGE,
        uid=65534,
        file=file,
        ready="/health",
        argv=("vector", "--quiet", "--config", context.path(file)),
        check=("vector", "validate", "--no-environment", context.path(file)),
    ).spec(settings, context)
