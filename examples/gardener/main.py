"""A small assistant: projects as directories, conversations in SQLite, answers from the local Ollama.

Nothing but Python's own library, and nothing leaves the machine.
"""

import json
import os
import sqlite3
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

DATA = Path(os.environ["DATA_DIR"])
OLLAMA = os.environ["OLLAMA_HOST"]
MODEL = os.environ.get("MODEL", "llama3.2:3b")
TIMEOUT = 300


def history() -> sqlite3.Connection:
    """The conversations, one row a turn."""
    connection = sqlite3.connect(DATA / "history.db")
    connection.execute("CREATE TABLE IF NOT EXISTS turns (id INTEGER PRIMARY KEY, question, answer)")
    return connection


def ask(question: str) -> str:
    """What the model says."""
    address = OLLAMA if OLLAMA.startswith("http") else f"http://{OLLAMA}"
    body = json.dumps({"model": MODEL, "prompt": question, "stream": False}).encode()
    with urllib.request.urlopen(f"{address}/api/generate", body, timeout=TIMEOUT) as answer:
        return json.load(answer)["response"]


class Handler(BaseHTTPRequestHandler):
    """GET /healthz, GET /history, POST /ask with the question as its body."""

    def do_GET(self) -> None:
        if self.path == "/healthz":
            return self._say(200, "ok")
        if self.path == "/history":
            with history() as connection:
                rows = connection.execute("SELECT question, answer FROM turns ORDER BY id").fetchall()
            return self._say(200, json.dumps(rows))
        return self._say(404, "not here")

    def do_POST(self) -> None:
        if self.path != "/ask":
            return self._say(404, "not here")
        question = self.rfile.read(int(self.headers["Content-Length"])).decode()
        try:
            answer = ask(question)
        except OSError as error:
            return self._say(502, f"the model does not answer: {error}")
        with history() as connection:
            connection.execute("INSERT INTO turns (question, answer) VALUES (?, ?)", (question, answer))
        return self._say(200, answer)

    def _say(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


(DATA / "projects").mkdir(exist_ok=True)
history().close()
ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
