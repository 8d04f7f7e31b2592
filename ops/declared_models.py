"""The models that a stack declares, and which of them are there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ops import stacks
from ops.errors import Undeclared
from ops.ollama import Ollama, full_name

if TYPE_CHECKING:
    import httpx

    from components.config import StackConfig


@dataclass(frozen=True)
class Declared:
    """One Ollama of the stack behind the front door, with the models that it should have."""

    service: str
    prefix: str
    ollama: Ollama
    names: tuple[str, ...]

    def split(self) -> tuple[list[str], list[str]]:
        """The declared models that are there, and those that are missing, each in order."""
        there = self.ollama.models()
        present = [name for name in self.names if full_name(name) in there]
        return present, [name for name in self.names if name not in present]


def declared(config: StackConfig, http: httpx.Client) -> Declared:
    """The stack's Ollama. Raises ``Undeclared`` when it has none."""
    from components.catalog import entries

    names = stacks.of_type(config, "ollama")
    if not names:
        raise Undeclared(
            "this stack has no language models; add ollama to hearth:services and run `pulumi up`"
        )
    settings = config.services[names[0]]
    route = entries()["ollama"].requests(settings).routes[0]
    models = tuple(model.name for model in settings.models)
    return Declared(names[0], route.prefix, Ollama(http, route.prefix), models)
