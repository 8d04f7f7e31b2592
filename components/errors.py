"""One kind of error for everything a person wrote that cannot be run."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

PASSWORD_IN_URL = re.compile(r"//[^@\s]*:[^@\s]*@")
_SENSITIVE = ("password", "secret", "token", "key", "credential")


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: where, and a sentence with the value and the fix."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


class ConfigurationError(ValueError):
    """Every problem found, all at once. Nothing has been changed when it is raised."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        title = "1 problem" if count == 1 else f"{count} problems"
        lines = "\n".join(f"  - {problem}" for problem in self.problems)
        super().__init__(f"{title} in the configuration; nothing was changed\n{lines}")


def shown(path: str, value: Any) -> str:
    """``value`` as it may be shown: not at all where it, or its path, speaks of a secret."""
    text = repr(value)
    if PASSWORD_IN_URL.search(text) or any(word in f"{path} {text}".lower() for word in _SENSITIVE):
        return "the value"
    return text if len(text) <= 60 else f"{text[:57]}..."


def problems_of(error: ValidationError, base: str, known: Iterable[str] = ()) -> list[Problem]:
    """Pydantic's findings as sentences with the path below ``base``, the value and the fix."""
    found: dict[str, str] = {}
    for item in error.errors(include_url=False):
        # Names of union members and validators are no part of what the person wrote.
        steps = [str(step) for step in item["loc"] if "[" not in str(step)]
        path = ".".join([base, *steps])
        message = _message(path, item, known)
        # Each member of a union has its say about one value.
        found[path] = (
            f"{found[path]}, or: {message.rpartition(' is refused: ')[2]}" if path in found else message
        )
    return [Problem(path, message) for path, message in found.items()]


def _message(path: str, item: Any, known: Iterable[str]) -> str:
    value = item["input"]
    if item["type"] == "extra_forbidden":
        names = ", ".join(sorted(known))
        return "unknown key" + (f"; known keys are {names}" if names else "; remove it")
    if item["type"] == "missing":
        return "is required and missing; add it"
    if item["type"] == "value_error":
        said = str(item["ctx"]["error"])
        return said if isinstance(value, dict) else f"{shown(path, value)} is refused: {said}"
    advice = item["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    advice = advice.replace("String should match", "text that matches")
    return f"{shown(path, value)} is refused: it should be {advice}"
