"""A stack from its file alone, ``Pulumi.<stack>.yaml``: no Pulumi, no state, nothing deployed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ops.errors import Failure, Usage

if TYPE_CHECKING:
    from components.config import StackConfig
    from components.errors import Problem
    from components.lock import Lock
    from components.plan import DeploymentPlan

_PREFIX = "hearth:"


def values(stack: str) -> dict[str, Any]:
    """The ``hearth:*`` values of the file, keys without the prefix."""
    return _values(Path(f"Pulumi.{stack}.yaml"))


def _values(path: Path) -> dict[str, Any]:
    try:
        return values_of(path.read_bytes(), path.name)
    except FileNotFoundError:
        known = ", ".join(sorted(file.name.split(".")[1] for file in Path().glob("Pulumi.*.yaml")))
        raise Usage(f"{path}: not found; --stack names one of: {known or 'none is here'}") from None


def values_of(text: str | bytes, name: str) -> dict[str, Any]:
    """The ``hearth:*`` values in the text of a stack's file called ``name``."""
    import yaml

    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise Failure(f"{name}: not YAML: {' '.join(str(error).split())}") from None
    config = document.get("config") if isinstance(document, dict) else None
    if not isinstance(config, dict):
        raise Failure(f"{name}: no config: with hearth:runtime and hearth:services; add it")
    bare = [str(key) for key in config if ":" not in str(key)]
    if bare:
        raise Failure(f"{name}: config.{bare[0]} has no project; write {_PREFIX}{bare[0]}")
    return {key.removeprefix(_PREFIX): item for key, item in config.items() if key.startswith(_PREFIX)}


def configured(stack: str) -> StackConfig:
    """The typed stack. Raises ``Failure`` with every problem of the file."""
    return configured_from(Path(f"Pulumi.{stack}.yaml"))


def configured_from(path: Path) -> StackConfig:
    """The typed stack of a file that lies elsewhere. Raises ``Failure`` with every problem of the file."""
    from components.config import load_stack_config
    from components.errors import ConfigurationError

    try:
        return load_stack_config(_values(path))
    except ConfigurationError as error:
        raise Failure(f"{path.name}: {error}") from None


def planned(stack: str) -> DeploymentPlan:
    """What a deployment would run on this host. Raises ``ConfigurationError`` with every problem."""
    from components.config import load_stack_config
    from host import declared

    return planned_from(load_stack_config(values(stack)), stack, declared.read_lock(stack))


def planned_from(config: StackConfig, stack: str, lock: Lock | None = None) -> DeploymentPlan:
    """The plan of a stack that has no file. Raises ``ConfigurationError`` with every problem."""
    from components.errors import ConfigurationError

    plan, problems = drafted(config, stack, lock)
    if problems:
        raise ConfigurationError(problems)
    return plan


def drafted(
    config: StackConfig, stack: str, lock: Lock | None = None
) -> tuple[DeploymentPlan, list[Problem]]:
    """As much of the plan as can be described, and what of the stack is refused on this host."""
    from components.plan import draft_plan
    from components.replicas import listening
    from components.runtimes import runtime_for
    from host.facts import measure

    facts = measure(listening(config), stack, config.data, containers=config.containers)
    return draft_plan(config, facts, runtime_for(config, facts, stack), stack, lock)


def plan_of(config: StackConfig, stack: str) -> DeploymentPlan:
    """The plan of a stack that has a file. Raises ``Failure`` with every problem of it."""
    from components.errors import ConfigurationError

    try:
        return planned_from(config, stack)
    except ConfigurationError as error:
        raise Failure(f"Pulumi.{stack}.yaml: {error}") from None


def root(stack: str, config: StackConfig) -> Path:
    """Where the stack keeps its data on this host, deployed or not."""
    from host.facts import data_root

    return Path(config.data or f"{data_root()}/{stack}")


def of_type(config: StackConfig, kind: str) -> list[str]:
    """Names of the stack's services of one kind."""
    from components.catalog import entry_of

    return [name for name, settings in config.services.items() if entry_of(settings).name == kind]
