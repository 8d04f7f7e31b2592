"""Which services, how big, where: ``Pulumi.<stack>.yaml`` as typed values.

``load_stack_config`` is pure: it takes the ``hearth:*`` values as a mapping and returns a
``StackConfig``, or raises ``ConfigurationError`` with every problem it finds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from components.catalog import Entry, entries
from components.errors import ConfigurationError, Problem, problems_of
from components.settings import ServiceSettings, Strict
from components.units import Bytes, Cpus

RuntimeName = Literal["docker", "supervisord", "systemd"]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,29}$")]


class HostBudget(Strict):
    """What may be spent on this host."""

    memory: Annotated[
        Bytes | Literal["auto"], Field(description="Memory of the host; auto measures it.")
    ] = "auto"
    cpus: Annotated[
        Cpus | Literal["auto"], Field(description="Cores of the host; auto counts them.")
    ] = "auto"
    reserve: Annotated[Bytes, Field(description="Memory left to the operating system.")] = 1024**3
    gpu_memory: Annotated[
        Bytes | None,
        Field(description="Memory that models may take on the GPU, or of a Mac's working set."),
    ] = None


class SystemdSettings(Strict):
    """Which systemd manager runs the services."""

    scope: Annotated[
        Literal["user", "system"], Field(description="user needs no root; system is hardened more.")
    ] = "user"


class StackConfig(Strict):
    """A whole stack."""

    runtime: Annotated[RuntimeName, Field(description="How services run.")]
    host: Annotated[HostBudget, Field(description="What may be spent here.")] = HostBudget()
    services: Annotated[
        Mapping[Name, ServiceSettings],
        Field(description="What runs. A service that is absent is off."),
    ]
    types: Annotated[Mapping[Name, str], Field(exclude=True)] = {}
    images: Annotated[
        Mapping[str, str],
        Field(description="prefix: a registry mirror; or a service's name: an image of one's own."),
    ] = {}
    data: Annotated[
        str | None,
        Field(pattern=r"^/", description="Directory of the stack's data; a standard one if absent."),
    ] = None
    systemd: Annotated[SystemdSettings, Field(description="Only for runtime systemd.")] = (
        SystemdSettings()
    )


def _keys(model: type[Strict]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items() if not field.exclude]


def _entry(name: str, value: Any) -> tuple[Entry | None, Any, Problem | None]:
    """The kind of service and its settings without ``type``."""
    path = f"hearth:services.{name}"
    if value is None:
        value = {}
    if not isinstance(value, Mapping):
        return None, value, Problem(path, f"{value!r} is refused: write settings as key: value, or {{}}")
    kind = value.get("type", name)
    known = entries()
    if kind not in known:
        return None, value, Problem(
            path, f"{kind!r} is no service; known are {', '.join(known)} (or set type: to one of them)"
        )
    return known[kind], {key: item for key, item in value.items() if key != "type"}, None


def _load_services(value: Any) -> tuple[dict[str, ServiceSettings], dict[str, str], list[Problem]]:
    if not isinstance(value, Mapping):
        found = Problem("hearth:services", f"{value!r} is refused: write a mapping of services")
        return {}, {}, [found]
    services: dict[str, ServiceSettings] = {}
    types: dict[str, str] = {}
    problems: list[Problem] = []
    for name, raw in value.items():
        entry, settings, problem = _entry(name, raw)
        if problem or entry is None:
            problems.extend([problem] if problem else [])
            continue
        try:
            services[name] = entry.settings.model_validate(settings)
            types[name] = entry.name
        except ValidationError as error:
            known = _keys(entry.settings)
            problems.extend(problems_of(error, f"hearth:services.{name}", known))
    return services, types, problems


def load_stack_config(values: Mapping[str, Any]) -> StackConfig:
    """The typed stack of the ``hearth:*`` values, keys without the prefix.

    Raises ``ConfigurationError`` with every problem, each with its path, value and fix.
    """
    services, types, problems = _load_services(values.get("services", {}))
    rest = {key: item for key, item in values.items() if key not in ("services", "types")}
    try:
        config = StackConfig.model_validate({**rest, "services": {}})
    except ValidationError as error:
        flat = [
            Problem(problem.path.replace("hearth.", "hearth:", 1), problem.message)
            for problem in problems_of(error, "hearth", _keys(StackConfig))
        ]
        raise ConfigurationError([*flat, *problems]) from None
    for key in config.images:
        if key != "prefix" and key not in values.get("services", {}):
            problems.append(
                Problem(f"hearth:images.{key}", "names no service of this stack; remove it or add the service")
            )
    if problems:
        raise ConfigurationError(problems)
    return config.model_copy(update={"services": services, "types": types})
