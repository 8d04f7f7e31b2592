"""The document on stdin and the progress lines on stderr."""

from __future__ import annotations

import json
import sys
from typing import Any

from host.errors import HostError


def document(*required: str) -> dict[str, Any]:
    """The JSON object on stdin. Raises ``HostError`` when it is none or lacks a required key."""
    try:
        value = json.load(sys.stdin)
    except ValueError:
        # The parser's own message could quote a secret.
        raise HostError("stdin: not a JSON document") from None
    if not isinstance(value, dict):
        raise HostError("stdin: the document must be an object")
    missing = [key for key in required if key not in value]
    if missing:
        raise HostError(f"stdin: the document lacks {', '.join(missing)}")
    return value


def mode(value: str | int) -> int:
    """Permission bits of a document: an octal text (``"0640"``) or a number."""
    return int(value, 8) if isinstance(value, str) else value


def progress(text: str) -> None:
    """One line for the person who waits."""
    print(text, file=sys.stderr, flush=True)
