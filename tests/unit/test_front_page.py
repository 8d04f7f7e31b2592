"""When there is a front page, what it is made from, and that nothing in it is taken for HTML."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from support.mocks import Recorder
from support.mocks import run as run_program
from support.stacks import RUNTIMES, contained, facts, plan, record, values

from components.config import load_stack_config
from components.errors import ConfigurationError
from components.platform import Platform
from components.service import Nginx, NginxSettings
from ops import page
from ops.status import Condition, Report

COMMAND = "command:local:Command"


def _nginx(runtime: str, others: dict[str, Any] | None = None, **settings: Any) -> Any:
    return plan(values(runtime, {"nginx": settings, **(others or {})})).service("nginx")


def _configuration(spec: Any) -> str:
    return next(file.content for file in spec.files if file.path.endswith("nginx.conf"))


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_it_is_at_the_root_where_nothing_else_is(runtime: str) -> None:
    spec = _nginx(runtime)
    where = "/host/page" if contained(runtime) else "/var/lib/hearth/test/watch/page"
    assert spec.shows_page and f"root {where};" in _configuration(spec)
    if contained(runtime):
        (mount,) = spec.security.host_mounts
        assert (mount.source, mount.path) == ("/var/lib/hearth/test/watch/page", "/host/page")
    else:
        assert spec.reads == (where,)
    for settings, others in (({"page": False}, {}), ({}, {"frontend": {"directory": "examples/frontend"}})):
        without = _nginx(runtime, others, **settings)
        assert not without.shows_page and "watch/page" not in _configuration(without)
        assert without.reads == without.security.host_mounts == ()


def test_asked_for_beside_something_else_it_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="page: true puts a page at /, where frontend is published"):
        _nginx("docker", {"frontend": {"directory": "examples/frontend"}}, page=True)


def test_every_part_of_it_asks_for_the_password() -> None:
    text = _configuration(_nginx("docker", **{"basic-auth": True}))
    for path in ("/", "/status.css", "/status.json"):
        block = re.search(rf"location = {path} {{\n(.*?)\n        }}", text, re.DOTALL)
        assert block and "auth_basic_user_file" in block[1]


def _lines(found: Recorder, name: str) -> list[str]:
    return [one.inputs["create"] for one in found if one.type == COMMAND and one.name == name]


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_its_job_runs_where_there_is_a_page_or_health_is_watched(runtime: str) -> None:
    with_page = record(values(runtime, {"nginx": {}}))
    (line,) = _lines(with_page, "watch")
    name = RUNTIMES[runtime]["runtime"]
    assert f" schedule start /var/lib/hearth/test {name} test 60s --scope " in line and "--job watch" in line
    (watched,) = _lines(record(values(runtime, {"redis": {}}, health={"interval": "2m"})), "watch")
    assert " 120s " in watched
    assert _lines(record(values(runtime, {"redis": {}})), "watch") == []
    # Docker makes what is not there as root's, and the job may not be root.
    made = _lines(with_page, "shared-directories")
    assert bool(made) is contained(runtime)
    assert all(line.endswith(" directories /var/lib/hearth/test/watch/page") for line in made)


def test_a_program_of_ones_own_has_no_file_to_look_at() -> None:
    def program() -> None:
        config = load_stack_config(values("supervisord", {}))
        with Platform("test", config, facts()):
            Nginx("door", NginxSettings())

    assert _lines(run_program(program), "watch") == []


def test_names_and_reasons_are_text() -> None:
    evil = "<script>alert(1)</script>\"'&"
    one = Condition(
        service=evil, state=evil, memory=1, limit=2, restarts=0, version=evil, address=evil, path=f'/"{evil}/',
        url=None, backup=None, drill=0.0,
    )  # fmt: skip
    report = Report(
        stack=evil, runtime="docker", time=0.0, services=(one, replace(one, memory=None)),
        refused=(evil,), degraded=(evil,), notes=(evil,),
    )  # fmt: skip
    tags: list[str] = []
    links: list[str] = []
    texts: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            tags.append(tag)
            assert not any(name.startswith("on") for name, _ in attrs)
            links.extend(value or "" for name, value in attrs if name in ("href", "src"))

        def handle_data(self, data: str) -> None:
            texts.append(data)

    reader = Reader()
    reader.feed(page.html(report, 60))
    assert "script" not in tags
    assert set(links) == {"/status.css", "/status.json", f'/"{evil}/'}
    assert sum(evil in text for text in texts) >= 11


def test_nothing_in_it_is_fetched_from_elsewhere() -> None:
    report = Report(stack="x", runtime="docker", time=0.0, services=(), refused=(), degraded=(), notes=())
    assert "//" not in page.html(report, 60)
    from components.rendering import TEMPLATES

    style = (TEMPLATES / "page" / page.STYLE).read_text()
    assert "url(" not in style and "@import" not in style
