"""Questions put by bash alone, to a server that is really there."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from components.questions import accepts, answers, fetches, posts
from ops.backup import search


class Half(BaseHTTPRequestHandler):
    """Well at one address, and not at any other."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/well" else 503)
        self.end_headers()

    def do_POST(self) -> None:
        said = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(said)

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


def said(argv: tuple[str, ...]) -> bytes:
    return subprocess.run(argv, capture_output=True, timeout=10, check=True).stdout


def test_json_goes_there_and_back_byte_for_byte(port: int) -> None:
    question = {"text": "größer % \\ 'x' \n", "vector": [0.1] * 4000}
    assert search.read(said(posts(port, "/", json.dumps(question, ensure_ascii=False))), "/") == question


def test_another_status_is_no_answer(port: int) -> None:
    with pytest.raises(ValueError, match=r"^answers /ill with HTTP/1.0 503 "):
        search.read(said(fetches(port, "/ill")), "/ill")
    with pytest.raises(ValueError, match="with nothing"):
        search.read(b"", "/ill")
