"""Health checks that need nothing but bash, for images that hold no client to ask with.

https://www.gnu.org/software/bash/manual/html_node/Redirections.html, ``/dev/tcp``
"""

from __future__ import annotations

_OPEN = 'exec 3<>/dev/tcp/127.0.0.1/"$1"'
_GET = r"""printf 'GET %s HTTP/1.0\r\n\r\n' "$2" >&3 && grep -q '^HTTP/[0-9.]* 200 ' <&3"""


def accepts(port: int) -> tuple[str, ...]:
    """A command that exits 0 when somebody listens on ``port`` of this host."""
    return ("bash", "-c", _OPEN, "accepts", str(port))


def answers(port: int, path: str) -> tuple[str, ...]:
    """A command that exits 0 when a GET of ``path`` on ``port`` of this host is answered with 200."""
    return ("bash", "-c", f"{_OPEN} && {_GET}", "answers", str(port), path)
