"""The front page for real: written by the stack's own schedule, served by nginx, read by a browser on a phone."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.e2e.story import eventually, settled, with_setting
from tests.e2e.workbench import Workbench

REDIS, POSTGRES, NGINX, ALERTMANAGER = 61400, 61401, 61402, 61403
INTERVAL = 3
DOOR = f"http://127.0.0.1:{NGINX}"
CONFIG = {
    "runtime": "supervisord",
    "host": {"reserve": "512MiB"},
    # What this machine's processors do is nobody's fault here.
    "health": {"interval": f"{INTERVAL}s", "cpu": 100},
    "services": {
        "redis": {"port": REDIS, "memory": "64MiB"},
        "postgres": {"port": POSTGRES, "memory": "128MiB", "max-connections": 20},
        "nginx": {"port": NGINX},
    },
}
PHONE = {"width": 375, "height": 740}
QUIET = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="module")
def stack(bench: Callable[..., Workbench]) -> Workbench:
    """The stack, up."""
    made = bench("fronted", CONFIG)
    CONFIG["data"] = str(made.root)
    made.up()
    return made


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, with a profile of its own that goes with it."""
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path="/usr/bin/chromium", args=QUIET)
        yield chromium
        chromium.close()


@pytest.fixture
def phone(browser: Browser) -> Iterator[tuple[Page, list[str]]]:
    """A page 375 pixels wide, and every address that it asks."""
    page = browser.new_page(viewport=PHONE, device_scale_factor=2)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    yield page, asked
    page.close()


def _seen() -> dict[str, str]:
    return {one["service"]: one["state"] for one in httpx.get(f"{DOOR}/status.json").json()["services"]}


def test_it_is_there_soon_after_up_and_nothing_is_left_to_do(stack: Workbench) -> None:
    eventually(lambda: _seen() == dict.fromkeys(("redis", "postgres", "nginx"), "answers"), 2 * INTERVAL + 10)
    settled(stack)


def test_it_is_closed_to_the_outside(stack: Workbench) -> None:
    for path, kind in (("/", "text/html"), ("/status.css", "text/css"), ("/status.json", "application/json")):
        answer = httpx.get(f"{DOOR}{path}")
        assert answer.status_code == 200 and answer.headers["Content-Type"].startswith(kind)
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'")
        assert answer.headers["Cache-Control"] == "no-store"


def test_no_secret_is_in_it(stack: Workbench) -> None:
    secrets = [path.read_text().strip() for path in (stack.root / "secrets").iterdir()]
    texts = [httpx.get(f"{DOOR}{path}").text for path in ("/", "/status.json")]
    assert secrets and not any(secret in text for secret in secrets for text in texts)


def test_a_phone_shows_every_service_without_scrolling_sideways(
    stack: Workbench, phone: tuple[Page, list[str]]
) -> None:
    page, asked = phone
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text))
    page.goto(DOOR, wait_until="networkidle")
    wide = page.evaluate("[document.documentElement.scrollWidth, document.body.scrollWidth, innerWidth]")
    assert wide == [375, 375, 375]
    # Nothing in it is cut off at the right either.
    ends = page.evaluate("[...document.querySelectorAll('body *')].map(e => e.getBoundingClientRect().right)")
    assert max(ends) <= 375
    assert sorted(page.locator("article h3").all_inner_texts()) == ["nginx", "postgres", "redis"]
    text = page.locator("main").inner_text()
    assert "of 128MiB" in text and "Last drill" in text and f"127.0.0.1:{REDIS}" in text
    assert "supervisord cannot enforce memory limits" in text
    assert {httpx.URL(url).host for url in asked} == {"127.0.0.1"}
    assert {httpx.URL(url).port for url in asked} == {NGINX}
    assert [one for one in problems if "favicon" not in one and "404" not in one] == []
    # It is styled by its own sheet, which the policy lets in.
    assert page.evaluate("getComputedStyle(document.querySelector('article')).borderRadius") == "8px"


def test_the_table_and_the_page_say_the_same(stack: Workbench) -> None:
    text = stack.run(".venv/bin/python", "-m", "ops", "status", "--stack", stack.stack, "--json").text
    told, shown = json.loads(text[text.index("{\n") :]), httpx.get(f"{DOOR}/status.json").json()
    for volatile in ("time", "services"):
        del told[volatile], shown[volatile]
    assert told == shown and told["degraded"] == []


def test_a_stopped_service_is_told_of_within_the_interval(
    stack: Workbench, phone: tuple[Page, list[str]]
) -> None:
    page, _ = phone
    page.goto(DOOR)
    assert page.locator("#redis.well .state").inner_text() == "answers"
    from host.managers import daemon

    daemon.connect(stack.root).stopProcessGroup("redis")
    began = time.monotonic()
    try:
        # The page asks for itself again; nobody reloads it. Both wait for their turn.
        page.locator("#redis.ill").wait_for(timeout=(2 * INTERVAL + 5) * 1000)
        assert "redis: stopped" in page.locator("section.ill").inner_text()
        assert "2 of 3 services answer" in page.locator("header").inner_text()
        assert page.title() == "fronted: not well"
        print(f"shown after {time.monotonic() - began:.1f} s")
        failed = stack.run(".venv/bin/python", "-m", "ops", "status", "--stack", stack.stack, check=False)
        assert failed.status == 1 and "degraded: redis: stopped" in failed.text
    finally:
        daemon.connect(stack.root).startProcessGroup("redis")
    page.locator("#redis.well").wait_for(timeout=(2 * INTERVAL + 5) * 1000)


def test_a_stack_file_that_is_refused_is_told_of(stack: Workbench, phone: tuple[Page, list[str]]) -> None:
    page, _ = phone
    stack.configure(with_setting(CONFIG, "redis", memory="900GiB"))
    try:
        eventually(lambda: httpx.get(f"{DOOR}/status.json").json()["refused"], 2 * INTERVAL + 5)
        page.goto(DOOR)
        assert "limits add up to" in page.locator("section.ill").first.inner_text()
        assert page.evaluate("document.documentElement.scrollWidth") == 375
    finally:
        stack.configure(CONFIG)


def test_what_it_shows_is_escaped(stack: Workbench, phone: tuple[Page, list[str]]) -> None:
    page, asked = phone
    stack.configure(with_setting(CONFIG, "nginx", tls="/<img src=http://192.0.2.1/x>.pem"))
    try:
        eventually(
            lambda: "<img" in str(httpx.get(f"{DOOR}/status.json").json()["refused"]), 2 * INTERVAL + 5
        )
        page.goto(DOOR, wait_until="networkidle")
        assert "<img" in page.locator("section.ill").first.inner_text()
        assert page.locator("img").count() == 0 and not any("192.0.2.1" in url for url in asked)
    finally:
        stack.configure(CONFIG)


def test_a_password_guards_it_as_well(stack: Workbench) -> None:
    stack.configure(with_setting(CONFIG, "nginx", **{"basic-auth": True}))
    stack.up()
    try:
        assert httpx.get(DOOR).status_code == httpx.get(f"{DOOR}/status.json").status_code == 401
        account = ("hearth", stack.secret("nginx-basic-auth"))
        assert "services answer" in httpx.get(DOOR, auth=account).text
    finally:
        stack.configure(CONFIG)
        stack.up()


def test_what_is_switched_off_is_gone(stack: Workbench) -> None:
    off = with_setting(CONFIG, "nginx", page=False)
    del off["health"]
    stack.configure(off)
    stack.up()
    assert httpx.get(DOOR).json() == {"stack": "fronted", "routes": []}
    assert httpx.get(f"{DOOR}/status.json").status_code == 404
    assert not (stack.root / "supervisor" / "programs" / "watch.conf").exists()
    settled(stack)


def test_destroy_leaves_no_process_and_purge_no_page(stack: Workbench) -> None:
    stack.configure(CONFIG)
    stack.up()
    page: Path = stack.root / "watch" / "page" / "index.html"
    eventually(page.exists, 2 * INTERVAL + 10)
    stack.destroy()
    assert not (stack.root / "supervisor" / "programs" / "watch.conf").exists()
    stack.run(".venv/bin/python", "-m", "ops", "purge", "--all", "--yes", "--stack", stack.stack)
    assert not stack.root.exists() or list(stack.root.iterdir()) == []
