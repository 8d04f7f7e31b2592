"""How results and progress are written."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_PIPE_WIDTH = 200


def console(stderr: bool = False) -> Console:
    """A console that prints text as it is: what it shows may hold ``[`` and ``:name:``."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    # In a pipe nobody sees a screen's edge, so nothing is cut there.
    width = None if stream.isatty() else _PIPE_WIDTH
    return Console(stderr=stderr, width=width, markup=False, emoji=False, highlight=False)


def rows(columns: Sequence[str], values: Iterable[Sequence[str]]) -> Table:
    """Rows under their headings, for a console to print. Text stands as it is, ``[`` and all."""
    from rich.table import Table
    from rich.text import Text

    drawn = Table(*columns, box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for row in values:
        drawn.add_row(*map(Text, row))
    return drawn


def table(columns: Sequence[str], values: Iterable[Sequence[str]], stderr: bool = False) -> None:
    """Print rows under their headings."""
    console(stderr).print(rows(columns, values))


def data(value: Any) -> None:
    """``value`` as JSON on stdout."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def progress(text: str) -> None:
    """One line for the person who waits."""
    print(text, file=sys.stderr, flush=True)


def tokens(text: str) -> None:
    """A part of a model's answer. What could steer the terminal is shown as a dot instead."""
    safe = "".join(char if char.isprintable() or char in "\n\t" else "·" for char in text)
    print(safe, end="", flush=True)
