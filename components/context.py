"""What a catalogue file may ask of its surroundings, answered by the runtime.

A service never asks which runtime it is on: it asks where its files are, what to listen on and
how to reach a neighbour, and writes the answers into its configuration.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from components.spec import Client, Database, Offer, Requests, Route, Source, Watch


@dataclass(frozen=True)
class Endpoint:
    """Where a neighbour answers."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, kw_only=True)
class Places:
    """Directories of one service, as its own process sees them."""

    config: str
    secrets: str
    data: str
    run: str
    source: str = ""


@dataclass(frozen=True, kw_only=True)
class Context:
    """Everything outside its own settings that a service's description depends on."""

    stack: str
    service: str
    listen: str
    """Address to bind: every address inside a private network, loopback on a shared host."""
    places: Places
    endpoints: Mapping[str, Endpoint]
    requests: Mapping[str, Requests]
    """What each service of the stack asks of its neighbours."""
    kinds: Mapping[str, str]
    """What kind of service each of the stack is: its name to a catalogue file's."""
    replica_of: Mapping[str, str] = field(default_factory=dict)
    """Of each of several replicas, the service of the stack file."""
    clients: Mapping[str, Callable[[str | None], Client]] = field(default_factory=dict)
    """Of each service that has clients, how to reach it; given the name of a database in it, if any."""
    digest: Callable[[str], str | None] = field(default=lambda path: None, compare=False)
    """What changes with the content of a directory of the owner's; none where it cannot be read."""
    resolver: str | None = None
    """DNS server to ask again when neighbours may move; none where addresses are fixed."""
    host_cpus: float = 1.0

    def bind(self, address: str) -> str:
        """What to bind for a port that is published on ``address`` of the host."""
        return self.listen if self.listen == "0.0.0.0" else address

    def endpoint(self, service: str, port: int | None = None) -> Endpoint:
        """Where ``service`` answers, on its own port or another one of its.

        Raises ``LookupError`` naming what is missing.
        """
        try:
            found = self.endpoints[service]
            return found if port is None else Endpoint(found.host, port)
        except KeyError:
            wrong = (
                f"{service}, which listens on no port; give it one"
                if service in self.kinds
                else f"{service}, which is not in hearth:services; add it there"
            )
            raise LookupError(f"{self.service} needs {wrong}") from None

    def client(self, service: str, database: str | None = None) -> Client:
        """How to reach ``service``, with the account of ``database`` where it has databases.

        Raises ``LookupError`` naming what is missing.
        """
        self.endpoint(service)
        if service not in self.clients:
            known = ", ".join(self.clients) or "none of this stack"
            raise LookupError(f"uses {service}, which cannot be used so; those that can: {known}")
        return self.clients[service](database)

    def source(self, directory: str) -> Source:
        """A directory of the owner's, as the service reads it.

        Raises ``LookupError`` when it cannot be read.
        """
        digest = self.digest(directory)
        if digest is None:
            raise LookupError(
                f"directory {directory} cannot be read here; correct the path, or who may read it"
            )
        return Source(directory=directory, digest=digest, path=f"{self.places.source}/{digest}")

    def listens(self, service: str) -> bool:
        """Whether ``service`` has a port of its own."""
        return service in self.endpoints

    def of_kind(self, kind: str) -> list[str]:
        """The services of the stack that are of this kind, in the order of the stack file."""
        return [name for name, found in self.kinds.items() if found == kind]

    def path(self, name: str) -> str:
        """Where the configuration file ``name`` is read from."""
        return f"{self.places.config}/{name}"

    def secret_path(self, name: str) -> str:
        """Where the file ``name``, made with secrets, is read from."""
        return f"{self.places.secrets}/{name}"

    def declared(self, service: str) -> str:
        """The name in the stack file of a service of the plan."""
        return self.replica_of.get(service, service)

    def routes(self) -> list[tuple[str, Route]]:
        """Every route that the stack's services publish, longest prefix first."""
        found = [(name, route) for name, asked in self.requests.items() for route in asked.routes]
        return sorted(found, key=lambda pair: (-len(pair[1].prefix), pair[1].prefix))

    def offering(self, offer: Offer) -> list[str]:
        """The services of the stack that offer this to the others, by name."""
        return sorted(name for name, asked in self.requests.items() if offer in asked.offers)

    def watches(self) -> list[Watch]:
        """Who asks to see this service's own statistics: each different wish once."""
        found = {watch for asked in self.requests.values() for watch in asked.watches}
        return sorted(
            (watch for watch in found if watch.service == self.service), key=lambda watch: watch.port or 0
        )

    def databases(self) -> list[Database]:
        """Every database that the stack's services ask for, by name."""
        extensions: dict[str, dict[str, None]] = {}
        for asked in self.requests.values():
            for base in asked.databases:
                extensions.setdefault(base.name, {}).update(dict.fromkeys(base.extensions))
        return [Database(name=name, extensions=tuple(extensions[name])) for name in sorted(extensions)]
