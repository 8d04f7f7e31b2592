"""``answers``: a service that somebody else runs is waited for, and named when it does not come."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.ports import free_port

from host import answers
from host.errors import HostError
from tests.host.machine import Machine


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/well" else 500)
        self.end_headers()

    def log_message(self, *arguments: Any) -> None:
        """Quiet."""


@pytest.fixture
def port() -> Iterator[int]:
    """Of a server that is well at ``/well`` alone."""
    with http.server.HTTPServer(("127.0.0.1", 0), _Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask once."""
    monkeypatch.setattr(answers, "SECONDS", 0)
    monkeypatch.setattr(answers, "PAUSE_SECONDS", 0)


def ask(machine: Machine, port: int, path: str | None = None, host: str = "127.0.0.1") -> Any:
    document = {"service": "ollama", "host": host, "port": port, "scheme": "http", "path": path}
    return machine.verb("answers", document=document)


def test_one_that_is_well_answers(machine: Machine, port: int) -> None:
    for path in ("/well", None):
        done = ask(machine, port, path)
        assert (done.returncode, done.stdout) == (0, f"ollama: answers at 127.0.0.1:{port}\n")


def refused(monkeypatch: pytest.MonkeyPatch, port: int, path: str | None, host: str = "127.0.0.1") -> str:
    document = {"service": "ollama", "host": host, "port": port, "scheme": "http", "path": path}
    monkeypatch.setattr(answers.stdin, "document", lambda *keys: document)
    with pytest.raises(HostError) as error:
        answers.main([])
    return str(error.value)


def test_one_that_is_ill_or_absent_is_refused_with_the_reason(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "status 500" in refused(monkeypatch, port, "/ill")
    assert "Connection refused" in refused(monkeypatch, free_port(), None)


def test_on_linux_loopback_is_not_where_containers_come_from(
    port: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The server above listens on 127.0.0.1 alone."""
    monkeypatch.setattr(answers, "_gateway", lambda: "127.0.0.2")
    message = refused(monkeypatch, port, "/well", answers.GATEWAY)
    assert "It must listen on 127.0.0.2, where containers reach this host, not on 127.0.0.1 alone." in message


def test_a_mac_leads_its_containers_to_loopback(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers.sys, "platform", "darwin")
    assert answers._gateway() == "127.0.0.1"
