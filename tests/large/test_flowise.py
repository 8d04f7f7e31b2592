"""Flowise for real: a credential in its own database, still readable after a restart."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.e2e.leaks import leaks
from tests.e2e.story import settled
from tests.large.conftest import Applications
from tests.large.names import modules, unknown
from tests.large.processes import restarted
from tests.large.rows import rows

PORT = 62002
BASE = f"http://127.0.0.1:{PORT}/api/v1/"
OWNER = {"name": "Owner", "email": "owner@example.org", "credential": "Only-for-tests-1!"}
CANARY = "canary-77aa-credential"


@pytest.fixture(scope="module")
def flowise(stack: Applications) -> Iterator[httpx.Client]:
    """The owner's browser."""
    stack.add({"flowise": {"port": PORT}})
    with httpx.Client(base_url=BASE, timeout=60, headers={"x-request-from": "internal"}) as client:
        client.post("account/register", json={"user": OWNER}).raise_for_status()
        user = {"email": OWNER["email"], "password": OWNER["credential"]}
        client.post("auth/login", json=user).raise_for_status()
        yield client


def test_it_knows_every_variable_that_it_is_given(flowise: httpx.Client, stack: Applications) -> None:
    assert unknown(stack, "flowise", modules(stack, "flowise") / "flowise/dist") == set()


def test_it_is_well(flowise: httpx.Client) -> None:
    assert httpx.get(f"{BASE}ping").text == "pong"


def test_a_flow_is_kept_in_its_own_database(flowise: httpx.Client, stack: Applications) -> None:
    flow = {"name": "Kept", "flowData": '{"nodes": [], "edges": []}', "type": "CHATFLOW"}
    flowise.post("chatflows", json=flow).raise_for_status()
    assert rows(stack, "flowise", "SELECT name FROM chat_flow") == [("Kept",)]


def test_a_credential_is_encrypted_and_still_readable_after_a_restart(
    flowise: httpx.Client, stack: Applications
) -> None:
    credential = {
        "name": "token", "credentialName": "openAIApi", "plainDataObj": {"openAIApiKey": CANARY},
    }  # fmt: skip
    made = flowise.post("credentials", json=credential).raise_for_status().json()
    (stored,) = rows(stack, "flowise", 'SELECT "encryptedData" FROM credential')
    assert stored[0] and CANARY not in stored[0]
    restarted(stack, "flowise", f"{BASE}ping")
    # It shows no value, and the names of only what it could decrypt.
    revealed = flowise.get(f"credentials/{made['id']}/reveal").raise_for_status().json()
    assert list(revealed["plainDataObj"]) == ["openAIApiKey"]


def test_nothing_is_left_to_do_and_no_secret_is_in_plain_text(
    flowise: httpx.Client, stack: Applications
) -> None:
    assert leaks(stack, docker=False) == []
    settled(stack)
