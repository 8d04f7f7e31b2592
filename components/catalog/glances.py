"""Glances: the host at a glance, as a page and an API, for somebody who looks at it now.

Command line: https://glances.readthedocs.io/en/latest/cmds.html
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from components.context import Context
from components.neighbours import Requests
from components.settings import ServiceSettings
from components.signals import Probe
from components.spec import HealthCheck, Image, Package, Port, Process, Resources, Security, ServiceSpec
from components.units import Bytes, PortNumber, Seconds

VERSION = "4.5.8"
IMAGE = Image(repository="nicolargo/glances", tag=VERSION, program="/venv/bin/glances")
PACKAGE = Package(programs=("glances",), brew=("glances",), venv=(f"glances[web]=={VERSION}",))


class Settings(ServiceSettings):
    """Keys of a Glances."""

    memory: Annotated[Bytes, Field(ge=96 * 1024**2, description="Hard memory limit.")] = 128 * 1024**2
    port: Annotated[PortNumber, Field(description="Port of its page and API.")] = 61208
    interval: Annotated[Seconds, Field(ge=1, le=600, description="Time between two looks at the host.")] = 10


def requests(settings: Settings) -> Requests:
    """It can be asked; its figures are drawn on its own page."""
    return Requests(probes=(Probe(path="/api/4/status"),))


def spec(settings: Settings, context: Context) -> ServiceSpec:
    """One Glances."""
    return ServiceSpec(
        name=context.service,
        type="glances",
        description="Glances",
        image=IMAGE,
        package=PACKAGE,
        process=Process(
            argv=(
                "glances",
                "--webserver",
                f"--bind={context.listen}",
                f"--port={settings.port}",
                f"--time={settings.interval}",
                # Nobody is told of it, asked for updates, or run because a file on this host says so.
                "--disable-autodiscover",
                "--disable-check-update",
                "--config=/dev/null",
            ),
            env={"HOME": context.places.run},
        ),
        resources=Resources(memory=settings.memory, reservation=settings.reservation, cpus=settings.cpus),
        health=HealthCheck(http=f"http://127.0.0.1:{settings.port}/api/4/status"),
        security=Security(uid=65534, sees_processes=True),
        networks=("monitoring",),
        ports=(Port(name="http", number=settings.port, publish=settings.publish),),
        notes=("in a container it sees the host's CPU and memory, and no processes but its own",)
        if context.engine
        else (),
    )
