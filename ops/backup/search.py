"""Asking a service that runs on restored data for what it holds."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from components.catalog import entries
from components.questions import fetches, posts
from ops.backup.capture import Progress
from ops.backup.sites import Site
from ops.errors import Failure

_HEAD = re.compile(rb"HTTP/[\d.]+ (\d+)[^\r\n]*\r\n(?:.+\r\n)*\r\n")


def require(site: Site, stage: Path, progress: Progress) -> None:
    """Raise ``Failure`` where the service is there to find things, and does not find what it holds."""
    entry = entries().get(site.spec.type)
    if entry is None or entry.found is None:
        return
    answer, port = stage / "answer", site.spec.ports[0].number

    def ask(path: str, question: object) -> Any:
        words = fetches(port, path) if question is None else posts(port, path, json.dumps(question))
        site.save(words, answer)
        return read(answer.read_bytes(), path)

    try:
        found = list(entry.found(ask))
    except ValueError as error:
        raise Failure(f"{site.spec.name}: runs on what was restored, and {error}") from None
    except (LookupError, TypeError) as error:
        raise Failure(f"{site.spec.name}: runs on what was restored, and answers oddly: {error!r}") from None
    finally:
        answer.unlink(missing_ok=True)
    for line in found:
        progress(f"{site.spec.name}: {line}")


def read(answer: bytes, path: str) -> Any:
    """The JSON of a whole HTTP answer. Raises ``ValueError`` where it is none, or not of status 200."""
    head = _HEAD.match(answer)
    if head is None or head[1] != b"200":
        said = answer.partition(b"\r\n")[0].decode(errors="replace") or "nothing"
        raise ValueError(f"answers {path} with {said}")
    return json.loads(answer[head.end() :])
