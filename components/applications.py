"""What applications in front of models and databases have in common."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from components.settings import ServiceSettings
from components.spec import HealthCheck, SecretRef

MIB = 1024**2
Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,48}$")]
Neighbour = Annotated[str | None, Field(pattern=r"^[a-z][a-z0-9-]{0,24}$")]
Url = Annotated[str | None, Field(pattern=r"^https?://[^\s?#]+/$")]


class ApplicationSettings(ServiceSettings):
    """Keys of every application. Neighbours are named by their names in the stack."""

    postgres: Annotated[Neighbour, Field(description="PostgreSQL to use; the stack's if absent.")] = None
    ollama: Annotated[Neighbour, Field(description="Ollama to use; the stack's if absent.")] = None
    outbound: Annotated[bool, Field(description="It may reach addresses outside of the stack.")] = False

    @property
    def networks(self) -> tuple[str, ...]:
        """Models and the front door, databases; and the ways in and out that were asked for."""
        inward = ("frontend",) if self.publish else ()
        return ("backend", "data", *inward, *(("egress",) if self.outbound else ()))


def asked(url: str, *, by: Literal["node", "python", "python3"], start_period: int) -> HealthCheck:
    """A GET of ``url``; in a container by its interpreter, for not every image has a client."""
    if by == "node":
        script = f"fetch('{url}').then(answer => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"
        argv = (by, "-e", script)
    else:
        argv = (by, "-c", f"import urllib.request as ask; ask.urlopen('{url}', timeout=8)")
    return HealthCheck(argv=argv, http=url, timeout=10, start_period=start_period)


def key(service: str) -> SecretRef:
    """What ``service`` encrypts its data with. It never changes under that data."""
    return SecretRef(name=f"{service}-key", guards=service)
