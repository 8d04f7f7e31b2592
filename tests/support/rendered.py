"""Everything that a stack writes, laid out below a directory so that real programs can read it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from support.stacks import STACK, facts, plan

from components.config import load_stack_config
from components.runtimes import runtime_for
from components.runtimes.docker_arguments import PLACES
from components.runtimes.native import NativeRuntime, NativeService
from components.secrets import fill
from components.spec import ServiceSpec


def services(stack: dict[str, Any], **host: Any) -> tuple[NativeRuntime, list[NativeService]]:
    """The native runtime of a stack, and its services as processes."""
    runtime = runtime_for(load_stack_config(stack), facts(**host), STACK)
    return runtime, [runtime.service(spec) for spec in plan(stack, facts(**host)).services]


def secret_values(spec: ServiceSpec) -> dict[str, str]:
    """A made-up text for every secret of a service, by the secret's name."""
    return {ref.name: f"Made-up_text-{ref.name}" for ref in spec.secrets}


def lay_out(spec: ServiceSpec, directory: Path, texts: Mapping[str, str] | None = None) -> dict[str, Path]:
    """Write the files of a service, secrets filled in; paths of a container are moved below ``directory``.

    Returns where each file came to lie, by its name.
    """
    texts = texts or secret_values(spec)
    moved = {getattr(PLACES, place): str(directory / place) for place in ("secrets", "config", "data", "run")}
    for place in moved.values():
        Path(place).mkdir(parents=True, exist_ok=True)
    found = {}
    for file in spec.files:
        content = fill(file.content, {key: texts[ref.name] for key, ref in file.secrets.items()})
        path = file.path
        for place, target in moved.items():
            content = content.replace(place, target)
            path = path.replace(place, target)
        for place in ("data", "run", "config", "secrets"):
            (Path(path).parent.parent / place).mkdir(parents=True, exist_ok=True)
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(content)
        found[Path(path).name] = Path(path)
    return found
