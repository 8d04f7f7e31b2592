"""What was wrong at earlier looks and who knows of it, kept between them; and the log of it.

The record is replaced as a whole each time somebody was told. A kill in between has one alert sent twice, and
none lost.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from host import files
from ops.health import Data, Finding

LOOKS = 2
"""Looks in a row that must agree: a service that is just being started again is nobody's concern."""
_RECORD, _LOG = "health.json", "health.log"


@dataclass(frozen=True)
class Known:
    """One thing that is, or was, wrong. ``since`` in seconds since 1970."""

    kind: str
    subject: str
    text: str
    since: float
    over: bool = True
    looks: int = 0
    """How many looks in a row have said so."""
    told: tuple[str, ...] = ()
    """Who was told that it is wrong, and not yet that it is well again."""

    @property
    def certain(self) -> bool:
        """Whether it was seen often enough."""
        return self.looks >= LOOKS


@dataclass(frozen=True)
class Record:
    """Everything that is known between two looks."""

    known: Mapping[str, Known] = field(default_factory=dict)
    data: Mapping[str, Data] = field(default_factory=dict)

    @property
    def wrong(self) -> list[str]:
        """What is wrong, in words, but for services that do not answer: whoever shows them says that."""
        return [one.text for one in self.known.values() if one.over and one.certain and one.kind != "answer"]


Teller = Callable[[Known], None]
"""Tells somebody that ``over`` or well again. Raises ``Failure``."""


def read(home: Path) -> Record:
    """What is known; nothing where nobody looked yet, or somebody damaged it."""
    try:
        return TypeAdapter(Record).validate_json(files.read(home / _RECORD) or b"{}")
    except ValidationError:
        return Record()


def write(home: Path, record: Record) -> None:
    """Keep it, whole."""
    files.write(home / _RECORD, json.dumps(asdict(record)).encode(), mode=0o600)


def seen(
    known: Mapping[str, Known], found: Iterable[Finding], unknown: Iterable[str], now: float
) -> dict[str, Known]:
    """What is known after another look. What could not be judged stays as it was. Pure."""
    skipped, over = set(unknown), {finding.key: finding for finding in found}
    result: dict[str, Known] = {}
    for key in dict.fromkeys([*known, *over]):
        before, finding = known.get(key), over.get(key)
        if before is not None and before.kind in skipped and finding is None:
            result[key] = before
        elif before is not None and before.over is (finding is not None):
            result[key] = replace(
                before, text=finding.text if finding else before.text, looks=before.looks + 1
            )
        elif finding is not None:
            told = before.told if before else ()
            result[key] = Known(finding.kind, finding.subject, finding.text, now, looks=1, told=told)
        elif before is not None and before.told:
            result[key] = replace(before, over=False, looks=1, since=now)
    return result


def log(home: Path, event: str, **values: Any) -> None:
    """Add a line of JSON to the log."""
    with (home / _LOG).open("a") as file:
        file.write(json.dumps({"event": event, **values}, ensure_ascii=False) + "\n")
    (home / _LOG).chmod(0o600)
