"""Dify's way outside: a proxy that leads to the world and to nobody inside.

Why: https://docs.dify.ai/en/self-host/troubleshooting/ssrf-proxy
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from components.applications import MIB
from components.context import Context
from components.neighbours import Requests
from components.rendering import render
from components.settings import ServiceSettings
from components.spec import ConfigFile, HealthCheck, Image, Port, Process, Resources, Security, ServiceSpec
from components.units import Bytes, PortNumber

IMAGE = Image(repository="ubuntu/squid", tag="6.6-24.04_beta")


class Settings(ServiceSettings):
    """Keys of the proxy."""

    memory: Annotated[Bytes, Field(ge=64 * MIB, description="Hard memory limit.")] = 128 * MIB
    port: Annotated[PortNumber, Field(description="Port of the proxy.")] = 3128


def requests(settings: Settings) -> Requests:
    """Nothing: only those whom it serves are on its network."""
    return Requests(probes=())


def spec(settings: Settings, context: Context) -> ServiceSpec:
    """One Squid that keeps nothing."""
    path = context.path("squid.conf")
    return ServiceSpec(
        name=context.service,
        type="dify-ssrf-proxy",
        description="Dify's proxy",
        image=IMAGE,
        package=None,
        process=Process(argv=("squid", "-N", "-Y", "-C", "-f", path), stop_seconds=10),
        resources=Resources(memory=settings.memory, reservation=settings.reservation, cpus=settings.cpus),
        health=HealthCheck(argv=("squid", "-k", "check", "-f", path)),
        security=Security(uid=13),
        networks=("egress", "sandbox"),
        ports=(Port(name="proxy", number=settings.port),),
        files=(
            ConfigFile(path=path, content=render("dify/squid.conf.j2", settings=settings, context=context)),
        ),
        check=("squid", "-k", "parse", "-f", path),
    )
