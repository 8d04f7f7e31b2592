"""Open WebUI for real: the first user, a conversation in its own database, models of the stack."""

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

PORT = 62090
BASE = f"http://127.0.0.1:{PORT}"


@pytest.fixture(scope="module")
def webui(stack: Applications) -> Iterator[httpx.Client]:
    """The first user's browser."""
    stack.add({"open-webui": {"port": PORT}})
    with httpx.Client(base_url=BASE, timeout=60) as client:
        user = {"email": "admin@localhost", "password": stack.secret("open-webui-admin")}
        token = client.post("/api/v1/auths/signin", json=user).raise_for_status().json()["token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


def test_it_knows_every_variable_that_it_is_given(webui: httpx.Client, stack: Applications) -> None:
    assert unknown(stack, "open-webui", modules(stack, "open-webui") / "open_webui") == set()


def test_it_is_well_and_takes_no_strangers(webui: httpx.Client) -> None:
    assert httpx.get(f"{BASE}/health").json() == {"status": True}
    stranger = {"name": "x", "email": "x@example.org", "password": "Only-for-tests-1"}
    assert httpx.post(f"{BASE}/api/v1/auths/signup", json=stranger).status_code == 403


def test_it_asks_the_ollama_of_the_stack(webui: httpx.Client) -> None:
    assert webui.get("/ollama/api/version").raise_for_status().json()["version"]


def test_a_conversation_is_kept_in_its_own_database_and_its_user_signed_in_over_a_restart(
    webui: httpx.Client, stack: Applications
) -> None:
    chat = {"chat": {"title": "Kept", "messages": [], "history": {"messages": {}, "currentId": None}}}
    made = webui.post("/api/v1/chats/new", json=chat).raise_for_status().json()
    assert rows(stack, "open_webui", "SELECT title FROM chat") == [("Kept",)]
    restarted(stack, "open-webui", f"{BASE}/health")
    # The token was signed with the key before the restart.
    assert webui.get(f"/api/v1/chats/{made['id']}").raise_for_status().json()["title"] == "Kept"


def test_nothing_is_left_to_do_and_no_secret_is_in_plain_text(
    webui: httpx.Client, stack: Applications
) -> None:
    assert leaks(stack, docker=False) == []
    settled(stack)
