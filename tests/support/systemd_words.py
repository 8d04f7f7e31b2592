"""How systemd reads the lines of a unit: systemd.syntax(7), systemd.service(5), systemd.unit(5)."""

from __future__ import annotations

import re

_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "s": " ",
            "\\": "\\", '"': '"', "'": "'"}  # fmt: skip
_NUMBERED = re.compile(r"x([0-9a-fA-F]{2})|([0-7]{3})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})")


def directives(unit: str, key: str) -> list[str]:
    """The values of one directive, as they are written."""
    lines = unit.split("\n")
    assert not any(line.endswith("\\") for line in lines), "a line continues"
    return [line.partition("=")[2] for line in lines if line.startswith(f"{key}=")]


def words(text: str) -> list[str]:
    """Quotes and C-style escapes taken off; an unknown escape is an error, as it is logged as one."""
    found: list[str] = []
    current: str | None = None
    quote = ""
    position = 0
    while position < len(text):
        character = text[position]
        position += 1
        if character == ";" and current is None and text[position : position + 1].strip() == "":
            raise ValueError("a semicolon that ends the command")
        if character == "\\":
            decoded, used = _unescaped(text[position:])
            current = (current or "") + decoded
            position += used
        elif quote:
            if character == quote:
                quote = ""
            else:
                current = (current or "") + character
        elif character in "\"'" and current is None:
            quote, current = character, ""
        elif character in "\"'":
            raise ValueError("a quote in the middle of a word")
        elif character in " \t\r\n":
            if current is not None:
                found.append(current)
            current = None
        else:
            current = (current or "") + character
    if quote:
        raise ValueError("a quote that does not end")
    return found if current is None else [*found, current]


def _unescaped(rest: str) -> tuple[str, int]:
    if rest[:1] in _ESCAPES and rest:
        return _ESCAPES[rest[0]], 1
    numbered = _NUMBERED.match(rest)
    if numbered is None:
        raise ValueError(f"unknown escape \\{rest[:1]}")
    hexadecimal = numbered[1] or numbered[3] or numbered[4]
    return chr(int(hexadecimal, 16) if hexadecimal else int(numbered[2], 8)), numbered.end()


def specifiers(text: str) -> str:
    """``%%`` is a percent sign; any other specifier stands for something else."""
    if re.search(r"%(?!%)", text.replace("%%", "")):
        raise ValueError(f"a specifier in {text!r}")
    return text.replace("%%", "%")


def command_line(text: str) -> list[str]:
    """The arguments of ``ExecStart=``, once specifiers and variables are expanded."""
    found = []
    for word in words(text):
        if re.search(r"\$", word.replace("$$", "")):
            raise ValueError(f"a variable in {word!r}")
        found.append(specifiers(word).replace("$$", "$"))
    if found[0][:1] in "@-:+!|":
        raise ValueError("a prefix before the program")
    return found


def environment(text: str) -> dict[str, str]:
    """The assignments of ``Environment=``; a dollar sign has no meaning there."""
    pairs = (specifiers(word).partition("=") for word in words(text))
    return {key: value for key, _, value in pairs}
