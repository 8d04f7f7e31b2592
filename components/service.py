"""A service as a component: ``hearth:service:Redis`` and its siblings, one for each catalogue file."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import pulumi

from components.catalog import entries
from components.context import Endpoint
from components.settings import ServiceSettings
from components.spec import SecretRef


class Service(pulumi.ComponentResource):
    """One service of a platform. Made inside ``with Platform(...)``; typed outputs follow there."""

    endpoint: pulumi.Output[str | None]
    """``host:port`` for its neighbours; none where it listens on no port."""
    ready: pulumi.Output[str]
    """Known once the service answers, with all its replicas."""

    def __init__(self, kind: str, name: str, settings: ServiceSettings | None = None) -> None:
        from components.platform import Platform

        platform = Platform.current()
        entry = entries()[kind]
        super().__init__(
            f"hearth:service:{entry.class_name}",
            name,
            None,
            pulumi.ResourceOptions(parent=platform),
        )
        self.name = name
        self.settings = settings if settings is not None else entry.settings()
        self._platform = platform
        platform.add(self)

    def realised(self, endpoint: Endpoint | None, answers: Sequence[Any]) -> None:
        """Called by the platform with what the gates of the service and its replicas answer."""
        self.endpoint = pulumi.Output.from_input(None if endpoint is None else str(endpoint))
        self.ready = pulumi.Output.all(*answers).apply(lambda lines: "\n".join(map(str, lines)))
        self.register_outputs({"endpoint": self.endpoint, "ready": self.ready})

    def secret(self, name: str) -> pulumi.Output[str]:
        """A secret of the stack by name, as an encrypted output: ``postgres-app``, ``redis``."""
        return self._platform.secrets.value(SecretRef(name=name))


def __getattr__(name: str) -> Any:
    """``Redis``, ``Nginx``, ... : one class for each kind in the catalogue."""
    for entry in entries().values():
        if entry.class_name == name:
            return partial(Service, entry.name)
        if f"{entry.class_name}Settings" == name:
            return entry.settings
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
