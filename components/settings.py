"""The settings every service has; each catalogue file extends them with its own."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from components.units import Bytes, Count, Cpus, PortNumber


def _dashed(name: str) -> str:
    return name.replace("_", "-")


class Strict(BaseModel):
    """Frozen, keys written with dashes, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=_dashed, populate_by_name=True)


def _address(text: str) -> str:
    if not 0 < int(text.rpartition(":")[2]) < 65536:
        raise ValueError("write HOST:PORT with a port of 1 to 65535, for example host.docker.internal:11434")
    return text


Address = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?:\d{1,5}$"), AfterValidator(_address)
]


class ServiceSettings(Strict):
    """Keys that every service understands."""

    memory: Annotated[Bytes, Field(description="Hard memory limit.")]
    reservation: Annotated[
        Bytes | None, Field(description="Memory promised under pressure; half the limit if absent.")
    ] = None
    cpus: Annotated[Cpus | None, Field(description="CPU limit in cores; none if absent.")] = None
    cpu_weight: Annotated[
        Count | None,
        Field(
            ge=1,
            le=10000,
            description="Share of the CPU against that of others while all want it; 100 if absent.",
        ),
    ] = None
    port: Annotated[
        PortNumber | None, Field(description="Port that the service listens on; none if it listens on none.")
    ] = None
    publish: Annotated[
        bool, Field(description="Reachable from the host's 127.0.0.1, at the same port number.")
    ] = False
    external: Annotated[
        Address | None,
        Field(description="HOST:PORT where somebody else runs it; neighbours are led there."),
    ] = None


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
