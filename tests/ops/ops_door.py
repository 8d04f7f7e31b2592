"""A front door with an Ollama behind it, as far as the commands speak to them."""

from __future__ import annotations

import json
import ssl
import threading
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass
class FakeDoor:
    """What is there, and what was asked."""

    models: dict[str, list[str]] = field(default_factory=dict)
    """Full name to capabilities."""
    hub_error: str = ""
    password: str = ""
    asked: list[str] = field(default_factory=list)
    port: int = 0


def _handler(door: FakeDoor) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            """Nothing to say."""

        def _answer(self, *lines: dict, status: int = 200) -> None:
            body = "".join(f"{json.dumps(line)}\n" for line in lines).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _let_in(self) -> bool:
            given = b64decode(self.headers.get("Authorization", "").removeprefix("Basic ")).decode()
            return not door.password or given == f"hearth:{door.password}"

        def do_GET(self) -> None:
            if self.path == "/healthz":
                return self._answer({})
            if not self._let_in():
                return self._answer({}, status=401)
            self._answer({"models": [{"name": name} for name in door.models]})

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            call = self.path.removeprefix("/ollama/api/")
            if call.startswith("blobs/"):
                return self._answer(status=201)
            body = json.loads(content)
            door.asked.append(f"{call.split('/')[0]} {body['model']}")
            if call == "show":
                return self._answer({"capabilities": door.models[body["model"]]})
            if call == "create":
                door.models[f"{body['model']}:latest"] = ["completion"]
                return self._answer({"status": "success"})
            if call == "pull" and door.hub_error:
                return self._answer({"status": "pulling manifest"}, {"error": door.hub_error})
            if call == "pull":
                door.models[body["model"]] = ["completion"]
                return self._answer({"status": "pulling", "total": 2, "completed": 1}, {"status": "success"})
            return self._answer({"response": "because "}, {"response": "it\x1b[2J is"}, {"done": True})

    return Handler


@contextmanager
def serving(door: FakeDoor, certificate: Path | None = None) -> Iterator[FakeDoor]:
    """The door, open on a port of its own; behind TLS with a ``certificate`` (key and chain in one file)."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(door))
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    door.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield door
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
