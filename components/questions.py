"""Questions that need nothing but bash, for images that hold no client to ask with.

https://www.gnu.org/software/bash/manual/html_node/Redirections.html, ``/dev/tcp``
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Ask = Callable[[str, object], Any]
"""Path and JSON of a question, ``None`` for a plain GET, to the JSON of the answer. Raises ``ValueError``
for any other answer."""

_OPEN = 'exec 3<>/dev/tcp/127.0.0.1/"$1"'
_GET = r"""printf 'GET %s HTTP/1.0\r\n\r\n' "$2" >&3"""
_WELL = "grep -q '^HTTP/[0-9.]* 200 ' <&3"
_WHOLE = "cat <&3"
# In bytes, not in characters of whatever language the service speaks.
_POST = r"""LC_ALL=C
    printf 'POST %s HTTP/1.0\r\nContent-Type: application/json\r\n' "$2" >&3 &&
    printf 'Content-Length: %d\r\n\r\n%s' "${#3}" "$3" >&3"""


def accepts(port: int) -> tuple[str, ...]:
    """A command that exits 0 when somebody listens on ``port`` of this host."""
    return ("bash", "-c", _OPEN, "accepts", str(port))


def answers(port: int, path: str) -> tuple[str, ...]:
    """A command that exits 0 when a GET of ``path`` on ``port`` of this host is answered with 200."""
    return ("bash", "-c", f"{_OPEN} && {_GET} && {_WELL}", "answers", str(port), path)


def fetches(port: int, path: str) -> tuple[str, ...]:
    """A command that prints the whole answer to a GET, its head included."""
    return ("bash", "-c", f"{_OPEN} && {_GET} && {_WHOLE}", "fetches", str(port), path)


def posts(port: int, path: str, body: str) -> tuple[str, ...]:
    """A command that prints the whole answer to a POST of ``body``, JSON of up to 128 KiB."""
    return ("bash", "-c", f"{_OPEN} && {_POST} && {_WHOLE}", "posts", str(port), path, body)
