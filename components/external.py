"""Services of the stack that somebody else runs: ``external: HOST:PORT``.

Nothing of them is made. Neighbours are led to them, and a gate opens once they answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from components.context import Endpoint
from components.errors import Problem
from components.neighbours import Requests
from components.settings import ServiceSettings
from components.signals import Probe
from components.spec import ServiceSpec

GATEWAY = "host.docker.internal"
"""The host, as its containers name it: https://docs.docker.com/reference/cli/docker/container/run/#add-host"""
LOOPBACK = ("127.0.0.1", "localhost")
OUTWARD = "egress"
"""The network that leads outside."""


@dataclass(frozen=True)
class External:
    """One of them: where it answers, and how it is asked; without a probe its port must accept."""

    name: str
    endpoint: Endpoint
    probe: Probe | None

    @property
    def question(self) -> dict[str, Any]:
        """What ``host answers`` is to ask."""
        return {
            "service": self.name,
            "host": self.endpoint.host,
            "port": self.endpoint.port,
            "scheme": self.probe.scheme if self.probe else None,
            "path": self.probe.path if self.probe else None,
        }


def endpoint(settings: ServiceSettings) -> Endpoint | None:
    """Where an external service answers; none for one that is run here."""
    host, _, port = (settings.external or "").rpartition(":")
    return Endpoint(host, int(port), fixed=True) if host else None


def asked(requests: Requests, *, external: bool) -> Requests:
    """What of a service's requests counts: an external one is only led to and probed."""
    return Requests(routes=requests.routes, probes=requests.probes) if external else requests


def check(
    external: Mapping[str, Endpoint], requests: Mapping[str, Requests], containers: bool
) -> list[Problem]:
    """Refuse a host that means another machine than was thought, and accounts that cannot be made."""
    found = []
    for name, where in external.items():
        path = f"hearth:services.{name}.external"
        if containers and where.host in LOOPBACK:
            found.append(
                Problem(path, f"{where.host} is each container itself; write {GATEWAY}:{where.port}")
            )
        if not containers and where.host == GATEWAY:
            found.append(
                Problem(path, f"{GATEWAY} is a name for containers; write {LOOPBACK[0]}:{where.port}")
            )
    return found + [
        Problem(
            f"hearth:services.{name}",
            f"watches {watch.service}, which is external and has no account for that; remove {name}",
        )
        for name, wishes in requests.items()
        for watch in wishes.watches
        if watch.service in external
    ]


def led_outside(spec: ServiceSpec, external: Mapping[str, Endpoint], requests: Requests) -> ServiceSpec:
    """``spec`` with a way to the external services that it needs, or is asked to probe."""
    prober = "probes" in requests.offers
    hosts = {where.host for name, where in external.items() if prober or name in spec.needs}
    if not hosts.difference(LOOPBACK):
        return spec
    networks = tuple(dict.fromkeys([*spec.networks, OUTWARD]))
    return replace(spec, outside=tuple(sorted(hosts)), networks=networks)
