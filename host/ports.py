"""Whether a port is free, and who has it."""

from __future__ import annotations

import socket
from collections.abc import Iterable

from host.errors import HostError


def require_free(service: str, ports: Iterable[int]) -> None:
    """Raise ``HostError`` when one of the TCP ports is listened on."""
    for port in ports:
        if _answers(port):
            raise HostError(
                f"{service}: port {port} is already taken by {_holder(port)}; nothing was changed. "
                f"Stop that process, or give {service} another port in the stack's configuration."
            )


def _answers(port: int) -> bool:
    # Connecting tells the same on every system; what a second bind does differs between them.
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        try:
            with socket.socket(family) as probe:
                probe.settimeout(1)
                if probe.connect_ex((address, port)) == 0:
                    return True
        except OSError:  # no IPv6 here
            continue
    return False


def _holder(port: int) -> str:
    import psutil

    try:
        listening = [
            entry
            for entry in psutil.net_connections("tcp")
            if entry.status == psutil.CONN_LISTEN and entry.laddr.port == port
        ]
        pid = next((entry.pid for entry in listening if entry.pid), None)
        return f"{psutil.Process(pid).name()} (process {pid})" if pid else "another process"
    except psutil.Error:
        return "another process"
