"""Dify's sandbox: runs the code of workflows, each piece behind walls of its own.

Environment: https://github.com/langgenius/dify-sandbox/blob/main/internal/static/config.go
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from components.applications import MIB, Neighbour
from components.catalog import dify_api
from components.context import Context
from components.environment import for_shell
from components.neighbours import Requests
from components.settings import ServiceSettings
from components.spec import HealthCheck, Image, Port, Process, Resources, Security, ServiceSpec
from components.units import Bytes, Count, PortNumber, Seconds

IMAGE = Image(repository="langgenius/dify-sandbox", tag="0.2.14")


class Settings(ServiceSettings):
    """Keys of a sandbox."""

    memory: Annotated[Bytes, Field(ge=256 * MIB, description="Hard memory limit.")] = 512 * MIB
    port: Annotated[PortNumber, Field(description="Port on which the API asks it.")] = 8194
    api: Annotated[Neighbour, Field(description="The API that asks it; the stack's if absent.")] = None
    workers: Annotated[Count, Field(ge=1, le=64, description="Pieces of code that run at once.")] = 4
    timeout: Annotated[Seconds, Field(ge=1, le=600, description="Longest that a piece may run.")] = 15


def requests(settings: Settings) -> Requests:
    """Nothing: nobody but the API and the proxy is on its network."""
    return Requests(probes=())


def spec(settings: Settings, context: Context) -> ServiceSpec:
    """One sandbox, on a network with nobody's data."""
    api = context.needed("dify-api", settings.api)
    env = {
        "GIN_MODE": "release",
        "SANDBOX_PORT": str(settings.port),
        "MAX_WORKERS": str(settings.workers),
        "WORKER_TIMEOUT": str(settings.timeout),
    }
    proxy = context.neighbour("dify-ssrf-proxy")
    env["ENABLE_NETWORK"] = str(proxy is not None).lower()
    if proxy:
        url = f"http://{context.endpoint(proxy)}"
        env |= {"HTTP_PROXY": url, "HTTPS_PROXY": url}
    injection = for_shell(context, {"API_KEY": "@@sandbox@@"}, {"sandbox": dify_api.part(api, "sandbox")})
    return ServiceSpec(
        name=context.service,
        type="dify-sandbox",
        description="Dify's sandbox",
        image=IMAGE,
        package=None,
        process=Process(argv=("sh", injection.files[0].path, "/main"), env=env | injection.env),
        resources=Resources(memory=settings.memory, reservation=settings.reservation, cpus=settings.cpus),
        health=HealthCheck(http=f"http://127.0.0.1:{settings.port}/health", start_period=60),
        # It starts as root: for every piece of code it changes root to a directory that it copies together,
        # and then becomes an account that owns nothing (chroot(2), setuid(2)).
        security=Security(
            uid=0,
            read_only_root=False,
            capabilities=("SETGID", "SETUID", "SYS_CHROOT"),
            executable_memory=True,
        ),
        networks=("sandbox",),
        ports=(Port(name="http", number=settings.port),),
        files=injection.files,
    )
