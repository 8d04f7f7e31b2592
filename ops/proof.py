"""What ``smoke`` proves: a model answers through the front door, and every open port accepts."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ops.declared_models import Declared
from ops.errors import Failure

_CONNECT_SECONDS = 3
_TOKENS = 60


@dataclass(frozen=True)
class Answer:
    """One prompt and what came of it."""

    model: str
    random: bool
    prompt: str
    text: str
    seconds: float
    missing: Sequence[str]
    """Declared models that are not there."""


def ask(
    declared: Declared, prompt: str, announce: Callable[[str, bool], None], show: Callable[[str], None]
) -> Answer:
    """Send ``prompt`` to the first declared model that is there and answers prompts.

    Where there is none, one with random weights is made. ``announce`` hears the model's name and
    whether it is that one; ``show`` each part of the answer as it comes.
    """
    from ops import random_model

    present, missing = declared.split()
    model = next((name for name in present if declared.ollama.generates(name)), None)
    made_up = model is None
    if model is None:
        model = random_model.NAME
        declared.ollama.create(model, random_model.content(), random_model.PARAMETERS)
    announce(model, made_up)
    started = time.monotonic()
    parts = []
    for part in declared.ollama.generate(model, prompt, _TOKENS):
        show(part)
        parts.append(part)
    text = "".join(parts)
    if not text.strip():
        raise Failure(f"{model} answered nothing to {prompt!r}; see Ollama's log")
    return Answer(model, made_up, prompt, text, round(time.monotonic() - started, 2), missing)


@dataclass(frozen=True)
class Access:
    """How one service is reached from this host."""

    service: str
    url: str
    address: str
    state: str


BROKEN = "does not answer"


def access(outputs: Mapping[str, Any], door: str, url: str, routes: Mapping[str, str]) -> list[Access]:
    """Every service of the stack; ``routes`` are paths of the front door ``door``, which answers."""
    found = []
    for row in outputs["plan"]["services"]:
        name = row["service"]
        address = outputs["urls"].get(name)
        if name == door:
            found.append(Access(name, url, address or "", "answers"))
            continue
        path = f"{url}{routes[name]}" if name in routes else ""
        if address is None:
            state = "closed: only its neighbours reach it"
        else:
            state = "open on this host" if _accepts(address) else BROKEN
        found.append(Access(name, path, address or "", state))
    return found


def _accepts(address: str) -> bool:
    host, _, port = address.rpartition(":")
    there = (host.strip("[]"), int(port))
    with contextlib.suppress(OSError), socket.create_connection(there, _CONNECT_SECONDS):
        return True
    return False
