"""What a service asks of its neighbours and offers them, known from its settings alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from components.signals import Panel, Probe, Queue, Rule, Scrape
from components.spec import SecretRef


@dataclass(frozen=True, kw_only=True)
class Route:
    """A path on the front door that leads to this service."""

    prefix: str
    port: int | None = None
    """Number of another port than the service's own."""
    websocket: bool = False
    stream: bool = False
    basic_auth: bool = False
    strip_prefix: bool = True
    max_body: str = "16m"
    probe: str | None = None
    """Path below the prefix that answers a GET with 2xx whenever the service is well."""


@dataclass(frozen=True, kw_only=True)
class Database:
    """A database that a service asks for: created with a role of the same name that owns it."""

    name: str
    extensions: tuple[str, ...] = ()
    alone: bool = False
    """Nobody else may have it: an application would find another one's tables where it makes its own."""
    server: str | None = None
    """The service that it is to be in; the stack's if absent."""
    renewals: int = 0
    """How often its password was replaced by another one."""

    @property
    def password(self) -> SecretRef:
        """The password of ``login``."""
        return SecretRef(name=f"postgres-{self.name}")

    @property
    def login(self) -> str:
        """The role by which it is entered. A role has one password, so the next one is another role's."""
        return self.logins[self.renewals % 2]

    @property
    def logins(self) -> tuple[str, str]:
        """The role that owns it and one that acts as that; no database is called like the second."""
        return self.name, f"{self.name}-b"


@dataclass(frozen=True, kw_only=True)
class Documents:
    """A database of documents that a service asks for, with a user of the same name for it alone."""

    name: str

    @property
    def password(self) -> SecretRef:
        """The user's password; with the dot it is no service's."""
        return SecretRef(name=f"documents.{self.name}")


@dataclass(frozen=True, kw_only=True)
class Watch:
    """A look at a neighbour's own statistics and at nothing else.

    The neighbour makes an account called ``hearth-watch`` for it, which no database's role can be
    called, or opens ``port`` for it.
    """

    service: str
    port: int | None = None
    account: str = "hearth-watch"

    @property
    def password(self) -> SecretRef:
        """The account's password; with the dot it is nobody else's, for no service or database has one."""
        return SecretRef(name=f"{self.service}.watch")


@dataclass(frozen=True, kw_only=True)
class Client:
    """How a neighbour is told to reach a service: what its programs usually find in their environment.

    ``secret_env`` are texts with ``@@key@@`` for each of ``secrets``. They are delivered as files.
    """

    network: str
    """A private network on which the service answers."""
    env: Mapping[str, str] = field(default_factory=dict)
    secret_env: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, SecretRef] = field(default_factory=dict)
    url: str | None = None
    """Which of these is the address of a broker of messages."""
    pool: Mapping[str, str] = field(default_factory=dict)
    """Of ``size``, ``overflow``, ``wait`` and ``connections``: the variable by which clients are told."""


Offer = Literal["routes", "probes", "alerts", "metrics", "logs", "counts"]
"""Leads anybody to the services behind it; asks any address whether it answers; takes alerts; answers
PromQL; takes logs and answers LogQL; counts the requests that a front door says a line of."""


@dataclass(frozen=True, kw_only=True)
class Requests:
    """What a service asks of its neighbours and offers them; known from its settings alone."""

    routes: tuple[Route, ...] = ()
    databases: tuple[Database, ...] = ()
    documents: tuple[Documents, ...] = ()
    scrapes: tuple[Scrape, ...] = ()
    probes: tuple[Probe, ...] | None = None
    """Where to ask whether it is well; whether its own port accepts connections if not said."""
    watches: tuple[Watch, ...] = ()
    rules: tuple[Rule, ...] = ()
    panels: tuple[Panel, ...] = ()
    queues: tuple[Queue, ...] = ()
    offers: tuple[Offer, ...] = ()
