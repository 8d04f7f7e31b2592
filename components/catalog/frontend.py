"""Frontend of the owner's own: files that nginx serves, or any program that serves HTTP.

Directives: https://nginx.org/en/docs/dirindex.html
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from components.catalog import nginx
from components.context import Context
from components.neighbours import Requests
from components.rendering import render
from components.spec import ConfigFile, HealthCheck, Process, Security, ServiceSpec
from components.units import Bytes, PortNumber
from components.workload_settings import WorkloadSettings
from components.workloads import own_command, requests_of, workload

MIB = 1024**2


class Settings(WorkloadSettings):
    """Keys of a frontend."""

    memory: Annotated[Bytes, Field(ge=16 * MIB, description="Hard memory limit of each replica.")] = 64 * MIB
    port: Annotated[PortNumber, Field(description="Port that it listens on; replicas count up from it.")] = (
        8030
    )
    route: Annotated[
        str | None, Field(pattern=r"^/([A-Za-z0-9._-]+/)*$", description="Path on the front door.")
    ] = "/"
    health: Annotated[
        str | None,
        Field(pattern=r"^/[^\s\x00-\x1f]*$", description="Path that answers a GET while it is well."),
    ] = "/"
    single_page: Annotated[
        bool, Field(description="Paths without a file get index.html: the page knows them itself.")
    ] = True


def requests(settings: Settings) -> Requests:
    """Its route."""
    return requests_of(settings)


def spec(settings: Settings, context: Context) -> ServiceSpec:
    """One server of files, or the owner's program."""
    made = workload(settings, context)
    if made.source is None:
        argv = own_command(settings, made)
        return made.spec(kind="frontend", description="Frontend", argv=argv)
    path = context.path("nginx.conf")
    configuration = render("frontend/nginx.conf.j2", settings=settings, context=context, source=made.source)
    return made.spec(
        kind="frontend",
        description="Frontend",
        image=nginx.IMAGE,
        package=nginx.PACKAGE,
        argv=(),
        process=Process(argv=("nginx", "-e", "stderr", "-c", path), stop_signal="SIGQUIT", stop_seconds=10),
        health=HealthCheck(http=f"http://127.0.0.1:{settings.port}{settings.health or '/'}", start_period=10),
        security=Security(uid=101),
        files=(ConfigFile(path=path, content=configuration),),
        check=("nginx", "-t", "-q", "-e", "stderr", "-c", path),
    )
