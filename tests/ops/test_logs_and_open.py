"""``logs`` and ``open`` without anything that runs: what is refused, and files that grow and are replaced."""

from __future__ import annotations

import itertools
import json
import os
import threading
import time
from pathlib import Path

import pytest

from ops.commands.logs import seconds
from ops.errors import Failure, Usage
from ops.logs import FileLog, JournalLog, Wish

PORT = 61180


@pytest.fixture
def stack(project):
    """A front door with a password, and what is behind it; nothing of it deployed."""
    services = {
        "nginx": {"port": PORT, "basic-auth": True, "address": "0.0.0.0"},
        "ollama": {"port": PORT + 1, "memory": "2GiB"},
        "redis": {"port": PORT + 2},
        "grafana": {"port": PORT + 3},
        "prometheus": {"port": PORT + 4},
    }
    project.stack(services)
    urls = {"nginx": f"0.0.0.0:{PORT}", "redis": f"127.0.0.1:{PORT + 2}", "prometheus": f"[::]:{PORT + 4}"}
    project.outputs(urls, list(services))
    return project


@pytest.mark.parametrize(("text", "expected"), [("90s", 90), ("10m", 600), ("2h", 7200), ("1d", 86400)])
def test_ages_have_a_unit(text: str, expected: int) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "10", "m", "-1m", "1.5h", "yesterday"])
def test_other_ages_are_refused(text: str) -> None:
    with pytest.raises(Usage, match="write a number and s, m, h or d"):
        seconds(text)


def test_who_is_not_there_is_told_who_is(stack, hearth) -> None:
    for command in ("logs", "open"):
        result = hearth(command, "mysql")
        assert result.status == 2
        assert "mysql: no service of this stack; there are" in result.err
        assert "redis" in result.err


def test_logs_of_what_is_not_deployed(stack, hearth) -> None:
    result = hearth("logs", "redis")
    assert result.status == 1
    assert "redis: is not deployed here" in result.err


def test_the_last_lines_reach_into_the_file_before(tmp_path: Path) -> None:
    path = tmp_path / "redis.log"
    path.write_text("three\nfour\n")
    path.with_name("redis.log.1").write_text("one\ntwo\n")
    assert list(FileLog(path).lines(Wish(3, None, follow=False))) == ["two", "three", "four"]
    assert list(FileLog(path).lines(Wish(0, None, follow=False))) == []
    assert list(FileLog(tmp_path / "none.log").lines(Wish(3, None, follow=False))) == []


def test_lines_without_a_time_are_not_told_apart_by_age(tmp_path: Path) -> None:
    with pytest.raises(Usage, match="carry no time"):
        list(FileLog(tmp_path / "redis.log").lines(Wish(3, 60, follow=False)))


def test_followed_lines_are_whole_and_go_on_in_the_next_file(tmp_path: Path) -> None:
    path = tmp_path / "redis.log"
    path.write_text("zero\n")

    def write() -> None:
        for text, mode in (("one\ntw", "a"), ("o\n", "a"), ("3\n", "w")):
            time.sleep(0.6)
            with path.open(mode) as file:
                file.write(text)

    writer = threading.Thread(target=write)
    writer.start()
    found = itertools.islice(FileLog(path).lines(Wish(5, None, follow=True)), 4)
    assert list(found) == ["zero", "one", "two", "3"]
    writer.join()


def test_the_journal_is_asked_for_the_unit(project, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = project.path / "bin" / "journalctl"
    asked.write_text('#!/bin/sh\necho "$*"\n')
    asked.chmod(0o755)
    monkeypatch.setattr(time, "time", lambda: 1000.0)
    (words,) = JournalLog("hearth-test-redis.service", user=True).lines(Wish(7, 60, follow=True))
    mine = f"_UID={os.getuid()}"
    assert words.split() == [
        "--quiet", "--no-pager", "--output=cat", "--lines=7",
        mine, "SYSLOG_IDENTIFIER=hearth-test-redis", "+", mine, "USER_UNIT=hearth-test-redis.service",
        "--since=@940", "--follow",
    ]  # fmt: skip
    asked.write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(Failure, match="may this account read the journal"):
        list(JournalLog("hearth-test-redis.service", user=False).lines(Wish(7, None, follow=False)))


@pytest.mark.parametrize(
    ("service", "url"),
    [
        (None, f"http://127.0.0.1:{PORT}/"),
        ("nginx", f"http://127.0.0.1:{PORT}/"),
        ("ollama", f"http://127.0.0.1:{PORT}/ollama/"),
        ("grafana", f"http://127.0.0.1:{PORT}/grafana/"),
        ("prometheus", f"http://[::1]:{PORT + 4}/"),
    ],
)
def test_addresses_lead_through_the_front_door_where_they_can(
    stack, hearth, service: str | None, url: str
) -> None:
    words = ["open", *([service] if service else [])]
    result = hearth(*words)
    assert (result.status, result.out) == (0, f"{url}\n")
    assert ("nginx-basic-auth" in result.err) is (service != "prometheus")
    assert json.loads(hearth(*words, "--json").out) == {
        "stack": "test", "service": service or "nginx", "url": url,
    }  # fmt: skip


def test_what_is_no_page_says_where_its_programs_find_it(stack, hearth) -> None:
    result = hearth("open", "redis")
    assert result.status == 1
    assert f"redis: is no page for a browser; its programs find it at 127.0.0.1:{PORT + 2}" in result.err


def test_a_browser_is_started_where_there_are_windows(stack, hearth, monkeypatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda url: opened.append(url) or True)
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    hearth("open", "ollama")
    assert opened == []
    monkeypatch.setenv("DISPLAY", ":0")
    assert "opened in the browser" in hearth("open", "ollama").err
    assert opened == [f"http://127.0.0.1:{PORT}/ollama/"]
