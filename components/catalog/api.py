"""API of the owner's own: a WSGI application under Gunicorn, or any program that serves HTTP.

Settings: https://docs.gunicorn.org/en/stable/settings.html
"""

from __future__ import annotations

from math import ceil
from typing import Annotated

from pydantic import Field

from components.context import Context
from components.neighbours import Requests
from components.pools import PoolSettings, pool_variables
from components.rendering import render
from components.spec import ConfigFile, ServiceSpec
from components.units import Bytes, Count, PortNumber, Seconds
from components.workload_settings import Path
from components.workloads import own_command, requests_of, workload

MIB = 1024**2
MODULE = "gunicorn"


class Settings(PoolSettings):
    """Keys of an API."""

    memory: Annotated[Bytes, Field(ge=32 * MIB, description="Hard memory limit of each replica.")] = 512 * MIB
    port: Annotated[PortNumber, Field(description="Port that it listens on; replicas count up from it.")] = (
        8008
    )
    requirements: Annotated[
        Path | None,
        Field(description="File in the directory whose packages are installed, Gunicorn among them."),
    ] = "requirements.txt"
    health: Annotated[
        str | None,
        Field(pattern=r"^/[^\s\x00-\x1f]*$", description="Path that answers a GET while it is well."),
    ] = "/healthz"
    app: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*(\(\))?$",
            description="MODULE:NAME of the WSGI application in the directory.",
        ),
    ] = "app:app"
    workers: Annotated[
        Count | None,
        Field(ge=1, le=256, description="Processes that answer; 2 for each core and 1 more if absent."),
    ] = None
    worker_memory: Annotated[
        Bytes, Field(ge=8 * MIB, description="Memory that one takes: no more start than fit the limit.")
    ] = 96 * MIB
    threads: Annotated[Count, Field(ge=1, le=256, description="Requests that each answers at once.")] = 1
    timeout: Annotated[Seconds, Field(ge=1, description="Longest that a request may take.")] = 30


def workers(settings: Settings, cpus: float) -> int:
    """Processes that answer: as many as asked for, or as the cores can feed, and the memory holds."""
    wanted = settings.workers or 2 * ceil(settings.cpus or cpus) + 1
    return max(1, min(wanted, settings.memory // settings.worker_memory))


def requests(settings: Settings) -> Requests:
    """Its route, its database, and where it can be asked how it is."""
    return requests_of(settings)


def spec(settings: Settings, context: Context) -> ServiceSpec:
    """One API, or one replica of it."""
    made = workload(settings, context)
    if made.source is None:
        argv = own_command(settings, made)
        env = {**pool_variables(settings, made), **made.env}
        return made.spec(kind="api", description="API", argv=argv, env=env)
    configuration = render(
        "api/gunicorn.conf.py.j2",
        settings=settings,
        context=context,
        workers=workers(settings, context.host_cpus),
    )
    path = context.path("gunicorn.conf.py")
    return made.spec(
        kind="api",
        description="API",
        argv=made.script("-m", MODULE, "-c", path, settings.app),
        env={**pool_variables(settings, made), **made.env},
        package=made.package(MODULE),
        files=(ConfigFile(path=path, content=configuration), *made.files),
    )
