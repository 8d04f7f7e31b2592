"""``answers``: wait until a service that somebody else runs answers. Nothing is changed."""

from __future__ import annotations

import socket
import sys
import time
from typing import Any

from host import health, stdin
from host.errors import HostError

GATEWAY = "host.docker.internal"
SECONDS = 30
"""How long it may still be starting."""
TIMEOUT = 5
PAUSE_SECONDS = 1


def main(arguments: list[str]) -> str:
    """No arguments; ``{service, host, port, scheme, path}`` on stdin; without a path the port is asked."""
    if arguments:
        raise HostError("usage: answers < document")
    document = stdin.document("service", "host", "port")
    host = _reached(document)
    deadline = time.monotonic() + SECONDS
    while reason := _complaint(document, host):
        if time.monotonic() > deadline:
            raise HostError(_refusal(document, host, reason))
        time.sleep(PAUSE_SECONDS)
    return f"{document['service']}: answers at {document['host']}:{document['port']}"


def complaint(document: dict[str, Any]) -> str | None:
    """Ask once, as ``main`` is asked. None when it answers, else why not."""
    return _complaint(document, _reached(document))


def _reached(document: dict[str, Any]) -> str:
    return _gateway() if document["host"] == GATEWAY else document["host"]


def _complaint(document: dict[str, Any], host: str) -> str | None:
    if document.get("path"):
        return health.http(f"{document['scheme']}://{host}:{document['port']}{document['path']}", TIMEOUT)
    try:
        socket.create_connection((host, document["port"]), TIMEOUT).close()
    except OSError as error:
        return f"{host}:{document['port']}: {error}"
    return None


def _gateway() -> str:
    """The host's address as its containers reach it.

    On Linux that is its own on Docker's default bridge, where what listens on loopback alone does not
    answer; Docker's machine on a Mac leads to the Mac's loopback.
    """
    if not sys.platform.startswith("linux"):
        return "127.0.0.1"
    import psutil

    from host.containers import client

    with client.daemon() as daemon:
        bridge = daemon.networks.get("bridge").attrs["Options"]["com.docker.network.bridge.name"]
    for address in psutil.net_if_addrs().get(bridge, ()):
        if address.family == socket.AF_INET:
            return address.address
    raise HostError(f"{GATEWAY}: there is no {bridge} on this host; write the host's address instead")


def _refusal(document: dict[str, Any], host: str, reason: str) -> str:
    mend = (
        f"It must listen on {host}, where containers reach this host, not on 127.0.0.1 alone."
        if document["host"] == GATEWAY and host != "127.0.0.1"
        else "Start it, or correct its address."
    )
    return f"{document['service']}: the external service does not answer ({reason}). {mend}"
