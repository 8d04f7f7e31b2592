"""What every runtime is: where things are, what it can enforce, and how it makes them real."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from components.context import Endpoint, Figures, Logs, Places, Processes
from components.spec import HostMount, ServiceSpec

if TYPE_CHECKING:
    import pulumi

    from components.config import StackConfig
    from components.errors import Problem
    from components.facts import HostFacts
    from components.secrets import SecretStore


FIGURES = "backup/metrics"
"""Directory, below the stack's root, of what ``ops.backup`` says in files of metrics."""

PAGE = "watch/page"
"""Directory, below the stack's root, of the page that tells how the stack is."""


class Capability(Enum):
    """What a runtime can enforce; a stack that asks for more is told so."""

    MEMORY_LIMIT = "memory limits"
    CPU_LIMIT = "CPU limits"
    CPU_WEIGHT = "shares of the CPU"
    PROCESS_LIMIT = "limits on the number of processes"
    NETWORKS = "private networks"
    NO_NEW_PRIVILEGES = "a ban on new privileges"


class UnwritableError(ValueError):
    """Text that a manager's configuration has no way to carry."""


@dataclass(frozen=True, kw_only=True)
class Stack:
    """The stack that a runtime serves."""

    name: str
    root: str
    """Directory for everything that the stack keeps on this host."""
    accounts: bool
    """Every service runs under an account of its own."""
    account: str | None = None
    """One account for all of them, made beforehand; none for whoever deploys."""
    user: str
    home: str


class Runtime(Protocol):
    """One way to run services. All but ``prepare`` and ``realise`` are pure."""

    name: str
    scope: str
    """Whose manager runs things on this host: ``user`` or ``system``."""
    stack: Stack
    capabilities: frozenset[Capability]
    watched: frozenset[Capability]
    """What is not enforced, and restarts a service that stays above it."""
    remarks: tuple[str, ...]
    """What the plan should tell its reader about running things in this way."""
    listen: str
    resolver: str | None
    logs: Logs
    """Where what the services log is read by one of them."""
    processes: Processes
    """How a service finds the processes of the others."""
    figures: Figures
    """Where commands of the stack leave figures for one who exports them."""
    page: Figures
    """Where a page lies that commands of the stack write."""
    engine: tuple[HostMount, ...]
    """What of the host shows the containers on it; nothing without containers."""
    containers: bool
    plain_containers: bool
    """They can be given GPUs, the host's address, an address to publish on, security profiles."""

    def places(self, service: str) -> Places:
        """Directories of ``service`` as its process sees them."""

    def endpoint(self, service: str, port: int) -> Endpoint:
        """How a neighbour reaches ``service``."""

    def data(self, service: str, volume: str = "data") -> tuple[str, str]:
        """Where a volume of ``service`` is kept, as ``host secret`` is told of it."""

    def refusals(self, config: StackConfig, facts: HostFacts, specs: Sequence[ServiceSpec]) -> list[Problem]:
        """What of the stack cannot run this way, or not on this host. Pure."""

    def prepare(self, parent: pulumi.Resource, networks: Sequence[str]) -> list[pulumi.Resource]:
        """Resources that every service needs first: networks, a supervisor."""

    def realise(
        self,
        spec: ServiceSpec,
        parent: pulumi.Resource,
        secrets: SecretStore,
        after: Sequence[pulumi.Resource],
    ) -> pulumi.Resource:
        """Create the resources of one service; the one returned exists once the service answers."""
