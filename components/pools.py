"""Keys for the connections that a program keeps open, told to it by variables."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from components.units import Count, Seconds
from components.workload_settings import WorkloadSettings
from components.workloads import Workload


class PoolSettings(WorkloadSettings):
    """Sizes of pools. Each process of the program has pools of its own."""

    pool_size: Annotated[
        Count, Field(ge=1, description="Connections to its database that a process keeps open.")
    ] = 20
    pool_overflow: Annotated[
        Count, Field(ge=0, description="Connections that it may open beyond those for a while.")
    ] = 40
    pool_wait: Annotated[Seconds, Field(description="How long it waits for a free one.")] = 30
    pool_connections: Annotated[
        Count, Field(ge=1, description="Connections that a process may have to a cache or a queue.")
    ] = 50


def pool_variables(settings: PoolSettings, made: Workload) -> dict[str, str]:
    """The variables that tell the sizes, for what the program uses."""
    sizes = {
        "size": settings.pool_size,
        "overflow": settings.pool_overflow,
        "wait": settings.pool_wait,
        "connections": settings.pool_connections,
    }
    return {
        variable: str(sizes[key]) for client in made.clients.values() for key, variable in client.pool.items()
    }
