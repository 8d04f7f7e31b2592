"""Being asked to stop in the middle of something that must be undone or tidied up first."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from typing import NoReturn


@contextlib.contextmanager
def orderly(ending: Callable[[int], BaseException]) -> Iterator[None]:
    """Within the block SIGTERM raises what ``ending`` makes of its number, so that it ends as by an error."""

    def stop(number: int, frame: object) -> NoReturn:
        raise ending(number)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
