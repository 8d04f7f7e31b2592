"""One line for each thing done or passed over, on standard error: standard output is for `env`."""

import sys


class SetupFailed(Exception):
    """Setup cannot go on; the text says why and what would help."""


def say(line: str) -> None:
    """Print one line of progress."""
    print(f"toolchain: {line}", file=sys.stderr, flush=True)
