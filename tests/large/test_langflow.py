"""Langflow for real: a flow and a variable in its own database, still readable after a restart."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.e2e.leaks import leaks
from tests.e2e.story import eventually, settled
from tests.large.conftest import OLLAMA, Applications
from tests.large.names import modules, unknown
from tests.large.processes import restarted
from tests.large.rows import rows

PORT = 62860
BASE = f"http://127.0.0.1:{PORT}"
CANARY = "canary-51d2-variable"


@pytest.fixture(scope="module")
def langflow(stack: Applications) -> Iterator[httpx.Client]:
    """The first user."""
    stack.add({"langflow": {"port": PORT}})
    with httpx.Client(base_url=f"{BASE}/api/v1/", timeout=60) as client:
        signed_in(client, stack)
        yield client


def signed_in(client: httpx.Client, stack: Applications) -> None:
    user = {"username": "admin", "password": stack.secret("langflow-admin")}
    token = client.post("login", data=user).raise_for_status().json()["access_token"]
    client.headers["Authorization"] = f"Bearer {token}"


def variables(client: httpx.Client) -> dict[str, dict]:
    return {found["name"]: found for found in client.get("variables/").raise_for_status().json()}


def test_it_knows_every_variable_that_it_is_given(langflow: httpx.Client, stack: Applications) -> None:
    installed = modules(stack, "langflow")
    sources = (installed / name for name in ("lfx", "langflow", "litellm/litellm_core_utils"))
    found = unknown(stack, "langflow", *sources, prefix="LANGFLOW_")
    assert found == set()


def test_it_is_well_and_asks_for_a_password(langflow: httpx.Client) -> None:
    assert httpx.get(f"{BASE}/health").json()["status"] == "ok"
    assert httpx.get(f"{BASE}/api/v1/flows/").status_code in (401, 403)


def test_a_flow_is_kept_in_its_own_database(langflow: httpx.Client, stack: Applications) -> None:
    flow = {"name": "Kept", "data": {"nodes": [], "edges": []}}
    langflow.post("flows/", json=flow).raise_for_status()
    assert rows(stack, "langflow", "SELECT name FROM flow WHERE name = 'Kept'") == [("Kept",)]


def test_the_address_of_ollama_is_a_variable(langflow: httpx.Client, stack: Applications) -> None:
    assert "OLLAMA_BASE_URL" in variables(langflow)
    environment = (stack.root / "supervisor/programs/langflow.conf").read_text()
    assert f"http://127.0.0.1:{OLLAMA}" in environment


def test_a_variable_is_encrypted_and_still_readable_after_a_restart(
    langflow: httpx.Client, stack: Applications
) -> None:
    variable = {"name": "token", "value": CANARY, "type": "Credential", "default_fields": []}
    langflow.post("variables/", json=variable).raise_for_status()
    ((stored,),) = rows(stack, "langflow", "SELECT value FROM variable WHERE name = 'token'")
    assert stored and CANARY not in stored
    restarted(stack, "langflow", f"{BASE}/health")
    eventually(lambda: signed_in(langflow, stack) is None)
    # It has one only for whoever can decrypt it.
    assert variables(langflow)["token"]["has_value"] is True


def test_nothing_is_left_to_do_and_no_secret_is_in_plain_text(
    langflow: httpx.Client, stack: Applications
) -> None:
    assert leaks(stack, docker=False) == []
    settled(stack)
