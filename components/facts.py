"""What is known of the host before anything is planned. Measured by ``host.facts``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Gpu:
    """A GPU with memory of its own. ``memory`` in bytes, none where it could not be told."""

    vendor: Literal["AMD", "NVIDIA"]
    memory: int | None = None


BEFORE = "..previous"
"""After the name of a secret: its value before. Nothing else is called so, for no name in one is empty."""


@dataclass(frozen=True)
class Renewed:
    """A secret that has another value than its first."""

    count: int
    """How often it was replaced."""
    both: bool
    """The value before is accepted as well: who shows it has not changed yet, or not all have."""


@dataclass(frozen=True, kw_only=True)
class HostFacts:
    """Figures of one host. Sizes in bytes."""

    memory: int
    cpus: float
    root: str
    """Default directory for the data of stacks."""
    superuser: bool
    accounts: bool = False
    """Services get an account of their own (Linux, as root)."""
    user_namespaces: bool = False
    """Whoever deploys can make them, and mounts in them (Linux)."""
    gpu_memory: int | None = None
    """What models may take of a memory that the GPU shares (a Mac's); none where it has its own."""
    gpus: tuple[Gpu, ...] = ()
    user: str = "nobody"
    home: str = "/"
    busy_ports: Mapping[int, str] = field(default_factory=dict)
    """Ports of the plan that somebody else listens on, and who."""
    renewed: Mapping[str, Renewed] = field(default_factory=dict)
    """By name, the secrets of the stack that were replaced."""
    formats: Mapping[str, Collection[str]] = field(default_factory=dict)
    """Service to the formats that its data may have: that of the last deployment, and one it moves to."""
    swarm_nodes: Callable[[], int] = field(default=lambda: 0, compare=False)
    """Nodes of the swarm that the Docker daemon manages; 0 where it manages none."""
    digest: Callable[[str], str | None] = field(default=lambda path: "0" * 16, compare=False)
    """What changes with the content of a file or directory of the owner's; none where it cannot be read."""
    text: Callable[[str], str | None] = field(default=lambda path: None, compare=False)
    """The content of a file of the owner's; none where it cannot be read."""
