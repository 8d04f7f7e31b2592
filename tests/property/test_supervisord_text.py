"""Whatever a command line or an environment holds, supervisord reads it as it was."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.native import service
from support.supervisor_config import program

from components.runtimes.supervisord import SupervisordUnits, UnwritableError

# No process can be given a zero byte; lone surrogates cannot be written to a file.
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
TRICKY = st.sampled_from([
    "%(here)s", "100%", "%%", "a;b", " ; comment", "#", "$HOME", "`id`", '"', "'", "\\", '\\"', "a\nb", "\n[program:x]",
    "", " ", "a,b", 'a="b"', "tab\there", "é", "\r", "{x}", "a\\", "key=value",
])  # fmt: skip
WORDS = st.one_of(TRICKY, TEXT)
NAMES = st.from_regex(r"[A-Z_][A-Z0-9_]{0,12}", fullmatch=True)


EASY_CHARACTERS = re.compile(r"[^\"'\\;#\x00-\x1f\x7f-\x9f]*")
# Every command line and environment of these can be written; others are refused, never misread.
EASY = st.text(
    st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"], exclude_characters="\"'\\;#"),
    max_size=20,
)


def read(argv: list[str], env: dict[str, str], directory: Path) -> None:
    """Let supervisord read a program, and compare."""
    made = service(argv, env, str(directory))
    found = program(SupervisordUnits().render(made), directory)
    assert shlex.split(found.command) == made.argv
    assert {key: found.environment[key] for key in env} == env
    assert set(found.environment) <= {"HOME", "LANG", "PATH", *env}


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the service keeps its log, which supervisord looks for."""
    root = tmp_path_factory.mktemp("root")
    (root / "redis" / "log").mkdir(parents=True)
    return root


@settings(max_examples=400)
@given(argv=st.lists(WORDS, max_size=5), env=st.dictionaries(NAMES, WORDS, max_size=4))
@example(["-c", "a ;b", "100%"], {"A": 'x"y', "B": "%d,C=1"})
@example(["a\nb"], {})
@example([], {"A": "a\nb"})
@example([], {"A": "a ;b"})
@example([], {"A": "it's"})
@example([], {"A": '"quoted"'})
def test_what_is_written_is_read_as_it_was(directory: Path, argv: list[str], env: dict[str, str]) -> None:
    try:
        read(argv, env, directory)
    except UnwritableError:
        texts = [*argv, *env.values()]
        assert any("%(here)s" in text or not EASY_CHARACTERS.fullmatch(text) for text in texts)


@settings(max_examples=200)
@given(argv=st.lists(EASY, max_size=5), env=st.dictionaries(NAMES, EASY, max_size=4))
@example(["it's; # \\ ;"], {"A": "100%,b=c", "B": "back\\slash; it's"})
def test_ordinary_text_can_always_be_written(directory: Path, argv: list[str], env: dict[str, str]) -> None:
    read(argv, env, directory)
