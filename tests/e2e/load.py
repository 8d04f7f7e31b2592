"""Steady load by several clients at once, and every request of theirs that failed."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field


@dataclass
class Load:
    """What became of the requests so far."""

    answered: dict[str, int] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    slowest: float = 0


@contextlib.contextmanager
def steady(clients: dict[str, Callable[[], object]], *, each: int = 2, pause: float = 0.03) -> Iterator[Load]:
    """Ask by every one of ``clients``, ``each`` threads a client, until the block is left."""
    load, over, lock = Load(), threading.Event(), threading.Lock()

    def ask(name: str, request: Callable[[], object]) -> None:
        while not over.is_set():
            began = time.monotonic()
            try:
                request()
                problem = ""
            except Exception as error:
                problem = f"{time.strftime('%X')} {name}: {error!r}"
            with lock:
                load.slowest = max(load.slowest, time.monotonic() - began)
                if problem:
                    load.failed.append(problem)
                else:
                    load.answered[name] = load.answered.get(name, 0) + 1
            over.wait(pause)

    threads = [threading.Thread(target=ask, args=item) for item in clients.items() for _ in range(each)]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        over.set()
        for thread in threads:
            thread.join()
