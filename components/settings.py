"""The settings every service has; each catalogue file extends them with its own."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from components.units import Bytes, Cpus, PortNumber


def _dashed(name: str) -> str:
    return name.replace("_", "-")


class Strict(BaseModel):
    """Frozen, keys written with dashes, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=_dashed, populate_by_name=True)


class ServiceSettings(Strict):
    """Keys that every service understands."""

    memory: Annotated[Bytes, Field(description="Hard memory limit.")]
    reservation: Annotated[
        Bytes | None, Field(description="Memory promised under pressure; half the limit if absent.")
    ] = None
    cpus: Annotated[Cpus | None, Field(description="CPU limit in cores; none if absent.")] = None
    port: Annotated[PortNumber, Field(description="Port that the service listens on.")]
    publish: Annotated[
        bool, Field(description="Reachable from the host's 127.0.0.1, at the same port number.")
    ] = False
