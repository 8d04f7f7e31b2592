"""Which services, how big, where: ``Pulumi.<stack>.yaml`` as typed values.

``load_stack_config`` is pure: it takes the ``hearth:*`` values as a mapping and returns a
``StackConfig``, or raises ``ConfigurationError`` with every problem it finds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError, model_validator

from components.backup_settings import DIRECTORY, BackupSettings
from components.catalog import entries
from components.errors import ConfigurationError, Problem, problems_of, shown
from components.health_settings import HealthSettings
from components.overrides import MIRROR, PINNED
from components.settings import ServiceSettings, Strict
from components.units import Bytes, Count, Cpus

# It names files, containers and, after "hearth-", accounts of at most 32 characters.
_NAME = re.compile(r"^[a-z][a-z0-9-]{0,24}$")
Name = Annotated[str, Field(pattern=_NAME.pattern)]
RuntimeName = Literal["docker", "launchd", "supervisord", "swarm", "systemd"]
CONTAINERS = ("docker", "swarm")


class HostBudget(Strict):
    """What may be spent on this host."""

    memory: Annotated[Bytes | Literal["auto"], Field(description="Memory of the host; auto measures it.")] = (
        "auto"
    )
    cpus: Annotated[Cpus | Literal["auto"], Field(description="Cores of the host; auto counts them.")] = (
        "auto"
    )
    reserve: Annotated[Bytes, Field(description="Memory left to the operating system.")] = 1024**3
    gpus: Annotated[
        Annotated[Count, Field(ge=0, le=64)] | Literal["auto"],
        Field(description="NVIDIA GPUs for containers to use; auto counts them, 0 keeps them away."),
    ] = "auto"
    gpu_memory: Annotated[
        Bytes | None,
        Field(description="Memory that models may take on the GPU, or of a Mac's working set."),
    ] = None


def _confined(name: str) -> str:
    if name == "unconfined":
        raise ValueError("write default, or the name of a profile that is loaded")
    return name


class DockerSettings(Strict):
    """What the kernel keeps containers from."""

    seccomp: Annotated[
        str,
        Field(
            pattern=r"^(default|/.+\.json)$",
            description="Profile of allowed system calls: default, Docker's own; or the path of one in JSON.",
        ),
    ] = "default"
    apparmor: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$",
            description="AppArmor profile: default, Docker's own; or the name of one that is loaded.",
        ),
        AfterValidator(_confined),
    ] = "default"


class SystemdSettings(Strict):
    """Which systemd manager runs the services."""

    scope: Annotated[
        Literal["user", "system"], Field(description="user needs no root; system is hardened more.")
    ] = "user"


class LaunchdSettings(Strict):
    """Which domain of launchd runs the services."""

    # Declared, not told from who deploys: a preview by somebody else must show the same.
    scope: Annotated[
        Literal["user", "system"],
        Field(description="user: agents, while you are logged in; system: daemons, from the start, as root."),
    ] = "user"
    account: Annotated[
        str | None,
        Field(
            pattern=r"^[a-z_][a-z0-9_-]{0,30}$",
            description="Account that daemons run as, made beforehand; scope system needs it.",
        ),
    ] = None

    @model_validator(mode="after")
    def _consistent(self) -> LaunchdSettings:
        if self.scope == "system" and self.account is None:
            raise ValueError("scope system needs account: an account made beforehand, not root's")
        if self.scope == "user" and self.account is not None:
            raise ValueError("scope user runs everything as you; leave account out, or write scope: system")
        return self


class StackConfig(Strict):
    """A whole stack."""

    @property
    def containers(self) -> bool:
        """Whether services run as containers."""
        return self.runtime in CONTAINERS

    runtime: Annotated[RuntimeName, Field(description="How services run.")]
    host: Annotated[HostBudget, Field(description="What may be spent here.")] = HostBudget()
    services: Annotated[
        Mapping[Name, ServiceSettings],
        Field(description="What runs. A service that is absent is off."),
    ]
    images: Annotated[
        Mapping[str, str],
        Field(description="prefix: a registry mirror; or a service's name: an image of one's own."),
    ] = {}
    data: Annotated[
        str | None,
        Field(pattern=DIRECTORY, description="Directory of the stack's data; a standard one if absent."),
    ] = None
    backup: Annotated[
        BackupSettings | None, Field(description="What ./hearth backup does; no backups if absent.")
    ] = None
    health: Annotated[
        HealthSettings | None,
        Field(description="What is watched, and when it is too much; nothing is if absent."),
    ] = None
    docker: Annotated[DockerSettings, Field(description="Only for runtime docker.")] = DockerSettings()
    systemd: Annotated[SystemdSettings, Field(description="Only for runtime systemd.")] = SystemdSettings()
    launchd: Annotated[LaunchdSettings, Field(description="Only for runtime launchd.")] = LaunchdSettings()


def _keys(model: type[Strict]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


# Directories of the stack's root that are no service's.
_RESERVED = (
    "backup", "bin", "deployments", "drill", "packages", "secrets", "supervisor", "watch", "watchdog",
)  # fmt: skip
# Endings by which the resources of one service are told apart: as a name they would be another's.
_ENDINGS = (
    "-answers", "-config", "-container", "-data", "-files", "-image", "-package", "-ready", "-secrets",
    "-service", "-source",
)  # fmt: skip


def _service(name: str, raw: Any) -> ServiceSettings | list[Problem]:
    """The settings of one service, or what is wrong with them."""
    path = f"hearth:services.{name}"
    if not _NAME.fullmatch(str(name)) or name in _RESERVED:
        reserved = ", ".join(_RESERVED)
        advice = f"use up to 25 of a-z, 0-9 and -, a letter first, and none of {reserved}"
        return [Problem(path, f"{name!r} is refused as a name: {advice}")]
    if str(name).endswith(_ENDINGS):
        return [Problem(path, f"{name!r} is refused as a name: it must not end in {', '.join(_ENDINGS)}")]
    given = {} if raw is None else raw
    if not isinstance(given, Mapping):
        return [Problem(path, f"{shown(path, raw)} is refused: write settings as key: value, or {{}}")]
    kind = given.get("type", name)
    if not isinstance(kind, str) or kind not in entries():
        known = ", ".join(entries())
        return [Problem(path, f"{shown(path, kind)} is no service; known are {known} (type: names one)")]
    settings = entries()[kind].settings
    try:
        return settings.model_validate({key: value for key, value in given.items() if key != "type"})
    except ValidationError as error:
        return problems_of(error, path, ["type", *_keys(settings)])


def _services(value: Any) -> tuple[dict[str, ServiceSettings], list[Problem]]:
    if value is None:
        # Absent by mistake it would take away everything that runs; {} says so on purpose.
        return {}, [Problem("hearth:services", "is required and missing; write a mapping, {} for none")]
    if not isinstance(value, Mapping):
        return {}, [Problem("hearth:services", f"{shown('', value)} is refused: write a mapping of services")]
    services: dict[str, ServiceSettings] = {}
    problems: list[Problem] = []
    for name, raw in value.items():
        found = _service(name, raw)
        if isinstance(found, list):
            problems += found
        else:
            services[name] = found
    return services, problems


def load_stack_config(values: Mapping[str, Any]) -> StackConfig:
    """The typed stack of the ``hearth:*`` values, keys without the prefix.

    Raises ``ConfigurationError`` with every problem, each with its path, value and fix.
    """
    services, problems = _services(values.get("services"))
    rest = {key: item for key, item in values.items() if key != "services"}
    try:
        config = StackConfig.model_validate({**rest, "services": {}})
    except ValidationError as error:
        flat = [
            Problem(problem.path.replace("hearth.", "hearth:", 1), problem.message)
            for problem in problems_of(error, "hearth", _keys(StackConfig))
        ]
        raise ConfigurationError([*flat, *problems]) from None
    asked = values.get("services")
    for key, image in config.images.items():
        path = f"hearth:images.{key}"
        # Somebody's password may stand before the registry's name.
        visible = "the value" if "@" in image.replace("@sha256:", "") else repr(image)
        if key == "prefix":
            if not MIRROR.fullmatch(image):
                problems.append(Problem(path, f"{visible} is refused: write HOST, HOST:PORT or HOST/PATH"))
        elif not (isinstance(asked, Mapping) and key in asked):
            problems.append(Problem(path, "names no service of this stack; remove it, or add the service"))
        elif not PINNED.fullmatch(image):
            problems.append(Problem(path, f"{visible} is refused: write name:version or name@sha256:digest"))
    if problems:
        raise ConfigurationError(problems)
    return config.model_copy(update={"services": services})
