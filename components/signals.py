"""What can be seen of a service: figures, answers, alerts, graphs, queues. Plain frozen values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Scrape:
    """Metrics that a service exposes, in the text format of Prometheus."""

    port: int | None = None
    """Number of another port than the service's own."""
    path: str = "/metrics"
    alive: str | None = None
    """Name of a metric that is 1 while what the metrics tell of answers, and 0 otherwise."""
    tells_service: bool = False
    """The metrics have a label ``service`` of their own, which says whose they are."""
    latency: str | None = None
    """Name of a histogram of the seconds that a request takes."""
    guarded: bool = False
    """They are shown to who brings the password of a ``Watch`` of the service as a bearer token."""


@dataclass(frozen=True, kw_only=True)
class Probe:
    """An address of the service that answers a GET with 2xx whenever the service is well."""

    path: str
    scheme: Literal["http", "https"] = "http"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A condition that is an alert, in PromQL: every series it yields is one.

    ``$service`` in it is the name of the service that brings it, and ``$stack`` that of the stack.
    """

    name: str
    expr: str
    summary: str
    """One line for its reader; ``{{ $labels.service }}`` and ``{{ $value }}`` may stand in it."""
    remedy: str
    """What to do about it, in a sentence."""
    runbook: str | None = None
    """Name of a page in ``docs/runbooks`` that goes through it."""
    wait: int = 0
    """Seconds that it must last."""
    severity: Literal["warning", "critical"] = "warning"


Group = Literal["health", "latency", "host", "processes", "data", "inference", "queues", "backups", "logs"]
"""A dashboard."""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A graph on a dashboard.

    ``$service`` in it is the name of the service that brings it; ``$stack`` in its query, that of the stack.
    """

    title: str
    query: str
    group: Group
    unit: str = "short"
    """As Grafana names it: ``s``, ``bytes``, ``percent``, ``percentunit``, ``reqps``, ``Bps``."""
    legend: str = "{{service}}"
    language: Literal["promql", "logql"] = "promql"
    lines: bool = False
    """The query yields log lines, not figures."""


QUEUE_KEY = r"^[A-Za-z0-9_.:{}/-]+$"


@dataclass(frozen=True, kw_only=True)
class Queue:
    """A list in a Redis that others put work into."""

    service: str
    """Name of the Redis in this stack; ``$service`` for the one that declares it."""
    key: str
    db: int = 0
    depth: int = 100
    """More waiting than this for five minutes is an alert."""

    def __post_init__(self) -> None:
        # It stands in Redis' list of accounts and in PromQL, and neither has to escape it.
        if not re.fullmatch(QUEUE_KEY, self.key):
            raise ValueError(f"{self.key!r} is refused as a queue's key: use letters, digits and _.:/{{}}-")
