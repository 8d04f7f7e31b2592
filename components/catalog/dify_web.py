"""Dify's page, which asks the API from the browser.

Environment: https://docs.dify.ai/en/self-host/configuration/environments
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from components.applications import MIB, Neighbour, asked
from components.catalog import dify_api
from components.context import Context
from components.environment import node_heap
from components.neighbours import Requests
from components.settings import ServiceSettings
from components.signals import Probe
from components.spec import Image, Port, Process, Resources, Security, ServiceSpec
from components.units import Bytes, PortNumber

IMAGE = Image(repository="langgenius/dify-web", tag=dify_api.VERSION)


class Settings(ServiceSettings):
    """Keys of Dify's page."""

    memory: Annotated[Bytes, Field(ge=256 * MIB, description="Hard memory limit.")] = 512 * MIB
    port: Annotated[PortNumber, Field(description="Port of the page.")] = 3003
    api: Annotated[Neighbour, Field(description="The API behind it; the stack's if absent.")] = None
    api_url: Annotated[
        str, Field(pattern=r"^https?://[^\s?#/]+$", description="Address at which browsers reach the API.")
    ] = "http://127.0.0.1:5001"


def requests(settings: Settings) -> Requests:
    """Where it answers."""
    return Requests(probes=(Probe(path="/install"),))


def spec(settings: Settings, context: Context) -> ServiceSpec:
    """One server of the page. It holds no secret and no data."""
    api = context.needed("dify-api", settings.api)
    return ServiceSpec(
        name=context.service,
        type="dify-web",
        description="Dify's page",
        image=IMAGE,
        package=None,
        process=Process(
            argv=("sh", "./entrypoint.sh"),
            env={
                # Its process manager writes there.
                "HOME": "/tmp",
                "PM2_HOME": "/tmp/pm2",
                "PORT": str(settings.port),
                "HOSTNAME": context.listen,
                "CONSOLE_API_URL": settings.api_url,
                "APP_API_URL": settings.api_url,
                "SERVER_CONSOLE_API_URL": f"http://{context.endpoint(api)}",
                "NEXT_TELEMETRY_DISABLED": "1",
                "NODE_OPTIONS": node_heap(settings.memory),
            },
        ),
        resources=Resources(memory=settings.memory, reservation=settings.reservation, cpus=settings.cpus),
        health=asked(f"http://127.0.0.1:{settings.port}/install", by="node", start_period=120),
        security=Security(uid=dify_api.UID, executable_memory=True),
        networks=("backend", "frontend") if settings.publish else ("backend",),
        ports=(Port(name="http", number=settings.port, publish=settings.publish),),
        needs=(api,),
    )
