"""Keys of the owner's own programs, whatever they do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from components.overrides import PINNED
from components.settings import Replicated
from components.units import Count

Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,24}$")]
Word = Annotated[str, Field(pattern=r"^[^\x00-\x1f]+$")]
Path = Annotated[str, Field(pattern=r"^[A-Za-z0-9._/-]+$")]
Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,48}$")]
# Text below a path of the owner's, or the name of a secret that is made.
SecretSource = Annotated[str, Field(pattern=r"^(/[^\x00-\x1f]+|[a-z][a-z0-9-]{0,48})$")]
SOURCES = ("image", "command", "directory")


def _pinned(reference: str) -> str:
    if not PINNED.fullmatch(reference):
        raise ValueError("write name:version or name@sha256:digest")
    return reference


class WorkloadSettings(Replicated):
    """Where the program comes from, what it is given, and how it is reached."""

    image: Annotated[
        str | None, AfterValidator(_pinned), Field(description="Container image that has the program.")
    ] = None
    command: Annotated[
        tuple[Word, ...], Field(description="Program of this machine, and its arguments.")
    ] = ()
    directory: Annotated[
        Path | None,
        Field(description="Directory with the program; a copy, named by its content, is what runs."),
    ] = None
    arguments: Annotated[
        tuple[Word, ...],
        Field(description="Words after the program of the directory, or instead of the image's command."),
    ] = ()
    requirements: Annotated[
        Path | None,
        Field(
            description="File in the directory, requirements.txt or pyproject.toml, whose packages are "
            "installed in an environment of its own; without containers."
        ),
    ] = None
    env: Annotated[
        Mapping[Variable, str], Field(description="Environment, in plain text: no secrets here.")
    ] = {}
    secrets: Annotated[
        Mapping[Variable, SecretSource],
        Field(
            description="Variable to a secret: its name, made when absent, or a file of yours. The program "
            "finds it in the file that VARIABLE_FILE names."
        ),
    ] = {}
    uses: Annotated[
        tuple[Name, ...],
        Field(description="Services that it is told to reach by variables, such as REDIS_URL_FILE."),
    ] = ()
    database: Annotated[
        Identifier | None,
        Field(description="Database to have, with a role of its name; services that name one share it."),
    ] = None
    route: Annotated[
        str | None,
        Field(pattern=r"^/([A-Za-z0-9._-]+/)*$", description="Path on the front door, such as /api/."),
    ] = None
    keep_prefix: Annotated[bool, Field(description="The program sees the path with its route.")] = False
    websocket: Annotated[bool, Field(description="The route carries WebSocket connections.")] = False
    health: Annotated[
        str | None,
        Field(pattern=r"^/[^\s\x00-\x1f]*$", description="Path that answers a GET while it is well."),
    ] = None
    health_command: Annotated[
        tuple[Word, ...], Field(description="Command that ends well while it is well, instead of a path.")
    ] = ()
    metrics: Annotated[
        str | None, Field(pattern=r"^/[^\s\x00-\x1f]*$", description="Path of its metrics, for Prometheus.")
    ] = None
    data: Annotated[bool, Field(description="It keeps files in the directory that DATA_DIR names.")] = False
    outward: Annotated[bool, Field(description="It may reach addresses outside of the stack.")] = False
    jit: Annotated[
        bool, Field(description="It writes machine code as it runs, as Node.js does; else that is refused.")
    ] = False
    uid: Annotated[Count, Field(ge=1, le=65534, description="Account that it has in its container.")] = 1000
    grace: Annotated[Count, Field(ge=1, le=3600, description="Seconds that it has to stop.")] = 30

    @model_validator(mode="after")
    def _one_source(self) -> WorkloadSettings:
        given = [name for name in SOURCES if getattr(self, name)]
        if len(given) != 1:
            found = f"{' and '.join(given)} are given" if given else "none is given"
            raise ValueError(f"needs exactly one of image, command and directory; {found}")
        if "requirements" in self.model_fields_set and not self.directory:
            raise ValueError("requirements are a file in directory, which is not given")
        if self.arguments and self.command:
            raise ValueError("write arguments into command, after its program")
        if self.port is None:
            lost = [key for key in ("route", "health", "metrics") if getattr(self, key)]
            if lost:
                raise ValueError(f"{lost[0]} needs a port: give it one, or take {lost[0]} away")
        return self
