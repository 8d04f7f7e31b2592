"""What a catalogue file may ask of its surroundings, answered by the runtime.

A service never asks which runtime it is on: it asks where its files are, what to listen on and
how to reach a neighbour, and writes the answers into its configuration.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from components.facts import Renewed
from components.neighbours import Client, Database, Documents, Offer, Requests, Route, Watch
from components.signals import Panel, Queue, Rule
from components.spec import HostMount, SecretRef, Source

T = TypeVar("T")


def _once(items: Iterable[T]) -> list[T]:
    return list(dict.fromkeys(items))


@dataclass(frozen=True)
class Endpoint:
    """Where a neighbour answers."""

    host: str
    port: int
    fixed: bool = False
    """Outside of the stack: ``host`` is one that the machine's own names tell, and does not move."""

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
    archive: str = ""
    """For what must stay where it is while the data is set aside."""


@dataclass(frozen=True, kw_only=True)
class Logs:
    """Where what the services log is read; one of files, units and containers is filled.

    Patterns, not lists of services: whoever ships logs need not change when another service comes.
    """

    files: str | None = None
    """Pattern of the files, as a shell expands it."""
    units: str | None = None
    """Field of systemd's journal that names the service a line is of."""
    containers: str | None = None
    """Pattern of Docker's files of all containers, each line with the labels of its service."""
    service: str = ""
    """Regular expression of a path or a unit, whose group ``service`` is the name of a service."""
    mounts: tuple[HostMount, ...] = ()
    """What of the host a container must see to read them."""


@dataclass(frozen=True, kw_only=True)
class Processes:
    """How a service that may see the processes of the others finds them."""

    proc: str = "/proc"
    patterns: tuple[str, ...] = ()
    """Regular expressions of command lines, whose group ``service`` is the name of a service."""
    mounts: tuple[HostMount, ...] = ()
    """What of the host a container must see for it."""


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Where commands leave figures in files, for an exporter to read."""

    directory: str = ""
    mounts: tuple[HostMount, ...] = ()


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
    clients: Mapping[str, Callable[[Database | None], Client]] = field(default_factory=dict)
    """Of each service that has clients, how to reach it; given a database in it, if any."""
    digest: Callable[[str], str | None] = field(default=lambda path: None, compare=False)
    """What changes with the content of a directory of the owner's; none where it cannot be read."""
    renewed: Mapping[str, Renewed] = field(default_factory=dict)
    """The secrets that were replaced, by name."""
    resolver: str | None = None
    """DNS server to ask again when neighbours may move; none where addresses are fixed."""
    host_cpus: float = 1.0
    logs: Logs = Logs()
    processes: Processes = Processes()
    figures: Figures = Figures()
    page: Figures = Figures()
    """Where the page that tells how the stack is lies."""
    engine: tuple[HostMount, ...] = ()
    """What of the host shows the containers on it and what they take; nothing where there are none."""

    def threads(self, cpus: float | None) -> int:
        """Whole cores for a service with this limit: more threads than cores slow computing down."""
        return max(1, int(min(cpus or self.host_cpus, self.host_cpus)))

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
            raise LookupError(f"{self.declared(self.service)} needs {wrong}") from None

    def client(self, service: str, database: str | None = None) -> Client:
        """How to reach ``service``, with the account of ``database`` where it has databases.

        Raises ``LookupError`` naming what is missing.
        """
        self.endpoint(service)
        if service not in self.clients:
            known = ", ".join(self.clients) or "none of this stack"
            raise LookupError(f"uses {service}, which cannot be used so; those that can: {known}")
        return self.clients[service](None if database is None else self.database(database))

    def database(self, name: str) -> Database:
        """The database ``name`` as it is entered at present."""
        found = Database(name=name)
        known = self.renewed.get(found.password.name)
        return replace(found, renewals=known.count) if known else found

    def before(self, secret: SecretRef) -> SecretRef | None:
        """The value of ``secret`` until now, where it has to be accepted beside the new one."""
        known = self.renewed.get(secret.name)
        return secret.before if known and known.both else None

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

    def neighbour(self, kind: str, named: str | None = None) -> str | None:
        """The service called ``named``, else the first of this kind; none where the stack has none.

        Raises ``LookupError`` when ``named`` is not there.
        """
        if named is not None:
            self.endpoint(named)
        return named or next(iter(self.of_kind(kind)), None)

    def needed(self, kind: str, named: str | None = None) -> str:
        """Such a neighbour. Raises ``LookupError`` when there is none."""
        found = self.neighbour(kind, named)
        if found is None:
            self.endpoint(kind)
        return found or kind

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

    def _filled(self, query: str, service: str) -> str:
        return query.replace("$service", service).replace("$stack", self.stack)

    def rules(self) -> list[Rule]:
        """The alerts that the stack's services bring, each once."""
        return _once(
            replace(rule, expr=self._filled(rule.expr, name))
            for name, asked in sorted(self.requests.items())
            for rule in asked.rules
        )

    def panels(self) -> list[Panel]:
        """The graphs that the stack's services bring, each once."""
        return _once(
            replace(
                panel,
                title=panel.title.replace("$service", name),
                query=self._filled(panel.query, name),
            )
            for name, asked in sorted(self.requests.items())
            for panel in asked.panels
        )

    def queues(self) -> list[Queue]:
        """Every queue that the stack's services declare, each once."""
        return _once(
            replace(queue, service=queue.service.replace("$service", name))
            for name, asked in sorted(self.requests.items())
            for queue in asked.queues
        )

    def taker(self, offer: Offer) -> str:
        """Who of the stack offers this; the first by name. Raises ``LookupError`` when nobody does."""
        found = self.offering(offer)
        if not found:
            raise LookupError(
                f"{self.service} needs a service that offers {offer}; add one to hearth:services"
            )
        return found[0]

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
        return [
            replace(self.database(name), extensions=tuple(extensions[name])) for name in sorted(extensions)
        ]

    def documents(self) -> list[Documents]:
        """Every database of documents that the stack's services ask for, by name."""
        found = {base for asked in self.requests.values() for base in asked.documents}
        return sorted(found, key=lambda base: base.name)
