"""Questions put by bash alone, to a server that is really there."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from components.questions import accepts, answers


class Half(BaseHTTPRequestHandler):
    """Well at one address, and not at any other."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/well" else 503)
        self.end_headers()

    def log_message(self, *words: object) -> None:
        """Nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Half) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def asked(argv: tuple[str, ...]) -> bool:
    return subprocess.run(argv, capture_output=True, timeout=10, check=False).returncode == 0


def test_whoever_listens_accepts(port: int) -> None:
    assert asked(accepts(port))


def test_only_200_is_an_answer(port: int) -> None:
    assert asked(answers(port, "/well"))
    assert not asked(answers(port, "/ill"))


def test_nobody_there_is_a_no(port: int) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Half) as gone:
        free = gone.server_port
    assert not asked(accepts(free))
    assert not asked(answers(free, "/well"))
