"""Clients that write for as long as a test lasts, and remember what they were promised."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field


@dataclass
class Written:
    """What one client wrote. ``acknowledged`` is the last number that the store has taken."""

    acknowledged: int = 0
    times: list[float] = field(default_factory=list)

    @property
    def downtime(self) -> float:
        """Seconds of the longest pause between two answers."""
        return max((b - a for a, b in zip(self.times, self.times[1:], strict=False)), default=0.0)


@contextlib.contextmanager
def writing(*writers: Callable[[int], object]) -> Iterator[list[Written]]:
    """Each is called with 1, 2, 3, ... again and again until it succeeds; a failure is a pause."""
    end = threading.Event()
    found = [Written() for _ in writers]

    def run(write: Callable[[int], object], written: Written) -> None:
        while not end.is_set():
            with contextlib.suppress(Exception):
                write(written.acknowledged + 1)
                written.acknowledged += 1
                written.times.append(time.monotonic())
            time.sleep(0.02)

    threads = [threading.Thread(target=run, args=pair) for pair in zip(writers, found, strict=True)]
    for thread in threads:
        thread.start()
    try:
        yield found
        time.sleep(1)
    finally:
        end.set()
        for thread in threads:
            thread.join()
