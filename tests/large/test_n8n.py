"""n8n with a worker for real: a webhook through the front door, a credential that stays readable."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import httpx
import pytest

from tests.e2e.leaks import leaks
from tests.e2e.story import eventually, settled
from tests.large.conftest import NGINX, Applications
from tests.large.names import modules, unknown
from tests.large.processes import restarted
from tests.large.rows import rows

MAIN, WORKER = 62678, 62688
OWNER = {
    "email": "owner@example.org", "firstName": "Own", "lastName": "Er", "password": "Only-for-tests-1",
}  # fmt: skip
CANARY = "canary-5f0c1d77-header"


@pytest.fixture(scope="module")
def n8n(stack: Applications) -> Iterator[httpx.Client]:
    """The owner's browser, at the front door."""
    stack.add(
        {
            "n8n": {"port": MAIN, "broker-port": 62679},
            "n8n-worker": {"port": WORKER, "broker-port": 62689},
        }
    )
    with httpx.Client(base_url=f"http://127.0.0.1:{NGINX}/n8n/", timeout=60) as client:
        client.post("rest/owner/setup", json=OWNER).raise_for_status()
        yield client


def node(name: str, kind: str, version: float, **parameters: Any) -> dict[str, Any]:
    return {
        "id": name, "name": name, "type": f"n8n-nodes-base.{kind}", "typeVersion": version,
        "position": [0, 0], "parameters": parameters,
    }  # fmt: skip


def published(client: httpx.Client, path: str, step: dict[str, Any]) -> None:
    """A workflow that answers a webhook with the outcome of one step."""
    hook = node("Webhook", "webhook", 2, path=path, httpMethod="GET", responseMode="lastNode")
    workflow = {
        "name": path,
        "nodes": [{**hook, "webhookId": path}, step],
        "connections": {"Webhook": {"main": [[{"node": step["name"], "type": "main", "index": 0}]]}},
        "settings": {},
    }
    made = client.post("rest/workflows", json=workflow).raise_for_status().json()["data"]
    client.post(
        f"rest/workflows/{made['id']}/activate", json={"versionId": made["versionId"]}
    ).raise_for_status()


def test_it_knows_every_variable_that_it_is_given(n8n: httpx.Client, stack: Applications) -> None:
    installed = modules(stack, "n8n")
    for service in ("n8n", "n8n-worker"):
        assert unknown(stack, service, installed / "@n8n/config/dist", installed / "n8n/dist") == set()


def test_main_and_worker_are_well(n8n: httpx.Client) -> None:
    for port in (MAIN, WORKER):
        assert httpx.get(f"http://127.0.0.1:{port}/healthz").json() == {"status": "ok"}


def test_its_page_works_below_its_path(n8n: httpx.Client) -> None:
    page = n8n.get("").text
    script = page.partition('type="module"')[2].partition('src="')[2].partition('"')[0]
    assert script.startswith("/n8n/")
    assert "javascript" in httpx.get(f"http://127.0.0.1:{NGINX}{script}").headers["content-type"]


def test_a_webhook_is_worked_on_by_the_worker(n8n: httpx.Client, stack: Applications) -> None:
    published(n8n, "sum", node("Code", "code", 2, jsCode="return [{json: {sum: 40 + 2}}]"))
    assert eventually(lambda: n8n.get("webhook/sum").raise_for_status().json()) == {"sum": 42}
    assert eventually(lambda: rows(stack, "n8n", "SELECT status FROM execution_entity")) == [("success",)]
    log = (stack.root / "n8n-worker/log/n8n-worker.log").read_text()
    assert "finished execution 1" in log


def test_a_credential_is_encrypted_and_still_readable_after_a_restart(
    n8n: httpx.Client, stack: Applications, listener: tuple[int, list[str]]
) -> None:
    port, heard = listener
    credential = {"name": "token", "type": "httpHeaderAuth", "data": {"name": "X-Token", "value": CANARY}}
    made = n8n.post("rest/credentials", json=credential).raise_for_status().json()["data"]
    step = node(
        "Ask", "httpRequest", 4.2, url=f"http://127.0.0.1:{port}/",
        authentication="genericCredentialType", genericAuthType="httpHeaderAuth",
    )  # fmt: skip
    published(n8n, "ask", {**step, "credentials": {"httpHeaderAuth": {"id": made["id"], "name": "token"}}})
    ((stored,),) = rows(stack, "n8n", "SELECT data FROM credentials_entity WHERE name = 'token'")
    assert CANARY not in stored
    eventually(lambda: n8n.get("webhook/ask").raise_for_status())
    for service, health in (("n8n", MAIN), ("n8n-worker", WORKER)):
        restarted(stack, service, f"http://127.0.0.1:{health}/healthz")
    eventually(lambda: n8n.get("webhook/ask").raise_for_status(), seconds=60)
    assert heard == [CANARY, CANARY]


def test_nothing_is_left_to_do_and_no_secret_is_in_plain_text(n8n: httpx.Client, stack: Applications) -> None:
    assert leaks(stack, docker=False) == []
    settled(stack)


@pytest.fixture
def listener() -> Iterator[tuple[int, list[str]]]:
    """A server that writes down the tokens that it is shown."""
    heard: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(self.headers["X-Token"])
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(b'{"heard": true}')

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port, heard
        server.shutdown()
