"""XML-RPC over a Unix socket.

``supervisor.xmlrpc.SupervisorTransport`` does the same without a time limit, and its import takes
longer than everything else that a command here does.
"""

from __future__ import annotations

import http.client
import socket
import xmlrpc.client
from pathlib import Path
from typing import Any

ANSWER_SECONDS = 15


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=ANSWER_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class _Transport(xmlrpc.client.Transport):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        if self._connection[1] is None:
            self._connection = host, _Connection(self._path)
        return self._connection[1]


def interface(path: Path) -> Any:
    """supervisord's interface behind the socket ``path``.

    Calls raise ``OSError`` and ``xmlrpc.client.Fault``.
    """
    return xmlrpc.client.ServerProxy("http://localhost", transport=_Transport(path)).supervisor
