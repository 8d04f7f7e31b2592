"""The settings every service has; each catalogue file extends them with its own."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from components.units import Bytes, Cpus, PortNumber


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
    port: Annotated[PortNumber, Field(description="Port that the service listens on.")]
    publish: Annotated[
        bool, Field(description="Reachable from the host's 127.0.0.1, at the same port number.")
    ] = False
    external: Annotated[
        Address | None,
        Field(description="HOST:PORT where somebody else runs it; neighbours are led there."),
    ] = None
