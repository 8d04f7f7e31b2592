"""What a resource type offers to the provider that serves it."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any

Properties = dict[str, Any]


@dataclass(frozen=True)
class CheckContext:
    """What the engine knows of a resource when its inputs are checked."""

    name: str
    seed: bytes
    old_inputs: Properties
    proposed_name: str | None = None
    autonaming: bool = True


@dataclass(frozen=True)
class Difference:
    """What happened to one property, and whether it replaces the resource."""

    kind: str  # ADD, DELETE or UPDATE
    replace: bool = False


@dataclass(frozen=True)
class DiffResult:
    """All changed properties by path."""

    changes: dict[str, Difference] = field(default_factory=dict)
    delete_before_replace: bool = False


class OperationFailed(Exception):
    """An operation failed and left nothing for the state to remember; the text is shown to the user."""


class NotReady(Exception):
    """The resource exists but is not as it should be: the state keeps it together with the reason."""

    def __init__(self, identity: str, outputs: Properties, inputs: Properties, reason: str) -> None:
        super().__init__(reason)
        self.identity, self.outputs, self.inputs, self.reason = identity, outputs, inputs, reason


class ResourceType(ABC):
    """One resource type. `urn` is passed for messages; `preview` means that nothing may be touched."""

    @abstractmethod
    def check(self, inputs: Properties, context: CheckContext) -> tuple[Properties, dict[str, str]]:
        """The inputs to store, and a sentence for each property that is wrong."""

    @abstractmethod
    def diff(self, old_inputs: Properties, old_outputs: Properties, inputs: Properties) -> DiffResult:
        """What would change."""

    @abstractmethod
    def create(self, urn: str, inputs: Properties, preview: bool) -> tuple[str, Properties]:
        """Create the resource: its identity and outputs."""

    @abstractmethod
    def update(
        self,
        urn: str,
        identity: str,
        inputs: Properties,
        old_inputs: Properties,
        old: Properties,
        preview: bool,
    ) -> Properties:
        """Change the resource in place: its new outputs."""

    @abstractmethod
    def read(self, identity: str, inputs: Properties, old: Properties) -> tuple[str, Properties, Properties]:
        """The identity (empty if it is gone), outputs and inputs as they really are."""

    @abstractmethod
    def delete(self, urn: str, identity: str, old: Properties) -> None:
        """Remove the resource."""
