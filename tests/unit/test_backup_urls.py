"""How restic is told who asks a server, and what its words mean."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.backup import urls
from ops.backup.repository import reason
from ops.errors import Failure

WHO = {"RESTIC_REST_USERNAME": "me", "RESTIC_REST_PASSWORD": "a:/@%é"}
QUOTED = "a%3A%2F%40%25%C3%A9"


@pytest.mark.parametrize(
    ("location", "known", "expected"),
    [
        ("rest:https://host:8000/x/", WHO, f"rest:https://me:{QUOTED}@host:8000/x/"),
        ("rest:https://[::1]:8000/x", WHO, f"rest:https://me:{QUOTED}@[::1]:8000/x"),
        ("rest:https://you@host/x", WHO, f"rest:https://me:{QUOTED}@host/x"),
        ("rest:https://you@host/x", {"RESTIC_REST_PASSWORD": "p"}, "rest:https://you:p@host/x"),
        ("rest:https://host/x", {"RESTIC_REST_USERNAME": "me"}, "rest:https://host/x"),
        ("sftp:me@nas:/x", WHO, "sftp:me@nas:/x"),
        ("/mnt/x", WHO, "/mnt/x"),
    ],
)
def test_a_rest_server_is_told_in_the_address(location: str, known: dict, expected: str) -> None:
    assert urls.addressed(location, known) == expected


def test_other_servers_are_told_in_the_environment_with_one_value_of_a_name() -> None:
    assert urls.environment({**WHO, "A": "1", "B": "2"}, {**WHO, "B": "2", "C": "3"}) == {
        "A": "1",
        "B": "2",
        "C": "3",
    }
    with pytest.raises(Failure, match=r"^AWS_SECRET_ACCESS_KEY: has one value for") as refused:
        urls.environment({"AWS_SECRET_ACCESS_KEY": "hunter2"}, {"AWS_SECRET_ACCESS_KEY": "hunter3"})
    assert "hunter" not in str(refused.value)


def test_the_owners_file_has_lines_name_equals_value(tmp_path: Path) -> None:
    path = tmp_path / "known"
    assert urls.credentials(path) == {}
    path.write_text("# mine\n\nA = 1=2 \nB=\n")
    assert urls.credentials(path) == {"A": "1=2", "B": ""}
    path.write_text("A=1\nhunter2\n")
    with pytest.raises(Failure, match=f"^{path}: line 2 is not NAME=value") as refused:
        urls.credentials(path)
    assert "hunter2" not in str(refused.value)


def test_what_can_be_done_is_said_where_restic_does_not() -> None:
    kept = "Remove(<snapshot/5e>) returned error, retrying: blob not removed, server response: 403 Forbidden (403)"
    assert "append-only" in urls.advice(kept)
    started = "Fatal: unable to start the sftp session, error: EOF"
    assert "ssh by hand" in urls.advice(started)
    assert urls.advice(f"subprocess ssh: me@nas: Permission denied\n{started}") == ""
    assert urls.advice("Fatal: wrong password or no key found") == ""


def test_the_last_words_are_those_that_say_why() -> None:
    again = "Save(<data/ad>) returned error, retrying after 552.330144ms: client.Post: connection refused"
    said = f"{again}\n{again}\nFatal: unable to save snapshot: connection refused\n"
    assert reason(said) == "Fatal: unable to save snapshot: connection refused"
    asked = "Fatal: unable to open config file: 401 Unauthorized\nIs there a repository at the following location?\nx\n"
    assert reason(asked) == "Fatal: unable to open config file: 401 Unauthorized"
    assert reason(again) == again


@pytest.mark.parametrize(
    ("said", "none"),
    [
        ("Fatal: unable to open config file: Lstat: file does not exist", True),
        ("Fatal: unable to open config file: <config/> does not exist", True),
        ("Fatal: unable to open config file: Stat: The specified key does not exist.", True),
        ("Fatal: unable to open config file: Stat: The specified bucket does not exist.", True),
        ("Stat: The AWS Access Key Id you provided does not exist in our records.", False),
        ("Fatal: repository does not exist: unable to open config file: stat", True),
        ("Fatal: unable to open config file: dial tcp: lookup nas: no such host", False),
        ("Fatal: unable to open config file: unexpected HTTP response (401): 401 Unauthorized", False),
        ("subprocess ssh: ssh: connect to host nas port 22: Connection refused", False),
    ],
)
def test_only_what_is_known_not_to_be_there_is_made(said: str, none: bool) -> None:
    assert urls.is_none(said) is none
