"""Whatever a command line or an environment holds, systemd reads it as it was."""

from __future__ import annotations

import random
import unicodedata
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.native import service
from support.systemd_words import command_line, directives, environment
from support.tools import unit_errors

from components.runtimes.systemd import SystemdUnits

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
TRICKY = st.sampled_from([
    "%h", "100%", "%%", ";", "a;b", "\\;", "#", "$HOME", "${HOME}", "$$", '"', "'", "\\", '\\"', "a\nb", "", " ", "\t", "\r",
    "\nUser=root", "é", "-", "@x", "a\\", "key=value", "\x01", "\x7f", "it's", 'say "hi"', "a'b c",
])  # fmt: skip
WORDS = st.one_of(TRICKY, TEXT)
# systemd.exec(5) takes no other control characters than these two in an assignment.
VALUES = WORDS.filter(lambda text: not any(unicodedata.category(c) == "Cc" and c not in "\t\n" for c in text))
NAMES = st.from_regex(r"[A-Z_][A-Z0-9_]{0,12}", fullmatch=True)


def rendered(argv: list[str], env: dict[str, str]) -> tuple[str, list[str], dict[str, str]]:
    made = service(argv, env)
    return SystemdUnits("system", "/home/me").render(made), made.argv, made.environment


@settings(max_examples=400)
@given(st.lists(WORDS, max_size=5), st.dictionaries(NAMES, VALUES, max_size=4))
@example(["a\nb", ";", "$HOME", "%h"], {"A": "$x %h \n \"'\\"})
def test_command_line_and_environment_survive(argv: list[str], env: dict[str, str]) -> None:
    unit, wanted, variables = rendered(argv, env)
    (line,) = directives(unit, "ExecStart")
    assert command_line(line) == wanted
    (line,) = directives(unit, "Environment")
    assert environment(line) == variables


def test_systemd_itself_finds_no_fault_with_any_of_them(tmp_path: Path) -> None:
    """The model above is ours; this batch is read by the real parser, which is silent when content."""
    source = random.Random(7)
    alphabet = "ab \t\"'\\;%$#=-@{}é\n"
    units = {}
    for number in range(40):
        words = ["".join(source.choices(alphabet, k=source.randrange(12))) for _ in range(7)]
        text, _, _ = rendered(words[:4], {f"V{index}": word for index, word in enumerate(words[4:])})
        units[f"hearth-case-{number}.service"] = text.replace(
            "ExecStart=/var/lib/hearth/test/bin/redis-server", "ExecStart=/bin/true"
        )
    assert unit_errors(units, tmp_path, "system") == ""
