"""Accounts that services run as, made for real."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from host import accounts
from host.errors import HostError

NAME = "hearth-nobody-else"


@pytest.fixture
def gone() -> Iterator[None]:
    yield
    subprocess.run(["/usr/sbin/userdel", NAME], check=False, capture_output=True)


def test_an_account_is_made_where_the_path_leaves_out_the_programs_for_it(
    monkeypatch: pytest.MonkeyPatch, gone: None
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    made = accounts.ensure(NAME)
    assert made.switch
    assert made.uid == accounts.find(NAME).uid < 1000
    accounts.join(NAME, "nogroup")
    assert accounts.is_member(NAME, "nogroup")


def test_without_the_programs_it_is_said_what_brings_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda *arguments, **named: None)
    with pytest.raises(HostError, match=r"^useradd: not found; install the package that brings it"):
        accounts.ensure(NAME)
