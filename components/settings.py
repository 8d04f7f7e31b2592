"""The settings every service has; each catalogue file extends them with its own."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from components.units import Bytes, Count, Cpus, PortNumber


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
    port: Annotated[
        PortNumber | None, Field(description="Port that the service listens on; none if it listens on none.")
    ] = None
    publish: Annotated[
        bool, Field(description="Reachable from the host's 127.0.0.1, at the same port number.")
    ] = False


class Replicated(ServiceSettings):
    """Keys of a service that may run several times."""

    replicas: Annotated[
        Count, Field(ge=1, le=64, description="How many of it run, each with these limits.")
    ] = 1

    @model_validator(mode="after")
    def _published_once(self) -> Replicated:
        if self.publish and self.replicas > 1:
            raise ValueError("publish is for one: leave it out, and reach replicas by a route")
        return self
