"""Agent of the owner's own: a program that runs all the time, as often as wanted."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from components.context import Context
from components.neighbours import Requests
from components.spec import ServiceSpec
from components.units import Bytes, PortNumber
from components.workload_settings import Path, WorkloadSettings
from components.workloads import own_command, requests_of, workload

MIB = 1024**2


class Settings(WorkloadSettings):
    """Keys of an agent."""

    memory: Annotated[Bytes, Field(ge=16 * MIB, description="Hard memory limit of each replica.")] = 256 * MIB
    port: Annotated[
        PortNumber | None, Field(description="Port that it listens on, if any; replicas count up from it.")
    ] = None
    script: Annotated[Path, Field(description="Python file in the directory that is run.")] = "main.py"


def requests(settings: Settings) -> Requests:
    """Its route, its database, and where it can be asked how it is."""
    return requests_of(settings)


def spec(settings: Settings, context: Context) -> ServiceSpec:
    """One agent."""
    made = workload(settings, context)
    argv = own_command(settings, made, settings.script)
    return made.spec(kind="agent", description="Agent", argv=argv)
