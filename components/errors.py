"""One kind of error for everything a person wrote that cannot be run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

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


def _shown(path: str, value: Any) -> str:
    if any(word in path.lower() for word in _SENSITIVE):
        return "the value"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def problems_of(error: ValidationError, base: str, known: Iterable[str] = ()) -> list[Problem]:
    """Pydantic's findings as sentences with the path below ``base``, the value and the fix."""
    found = []
    for item in error.errors(include_url=False):
        # Names of union members and validators are no part of what the person wrote.
        steps = [str(step) for step in item["loc"] if not str(step).startswith("function-")]
        path = ".".join([base, *steps])
        value = item["input"]
        if item["type"] == "extra_forbidden":
            names = ", ".join(sorted(known))
            message = "unknown key" + (f"; known keys are {names}" if names else "; remove it")
        elif item["type"] == "missing":
            message = "is required and missing; add it"
        elif item["type"] == "value_error" and isinstance(value, dict):
            message = str(item["ctx"]["error"])
        elif item["type"] == "value_error":
            message = f"{_shown(path, value)} is refused: {item['ctx']['error']}"
        else:
            advice = item["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
            message = f"{_shown(path, value)} is refused: it should be {advice}"
        found.append(Problem(path, message))
    return found
