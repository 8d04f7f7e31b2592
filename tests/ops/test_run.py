"""``hearth run``: a job started beside its times, and how its run went."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from ops import jobs
from ops.errors import Failure


class Job:
    """One whose run ends after two looks."""

    def __init__(self, *, exit: int = 0, ends: bool = True) -> None:
        self.started = 0
        after = {"started": 100, "seconds": 2, "exit": exit, "process": 8}
        before = {"started": 10, "seconds": 2, "exit": 0, "process": 7}
        self.records = itertools.chain([before, before], itertools.repeat(after if ends else before))

    def start(self) -> None:
        self.started += 1

    def record(self) -> dict[str, Any]:
        return next(self.records)

    def tail(self) -> str:
        return "\nIts last log lines:\n  out of paper"


def run(job: Job, within: float = 5) -> dict[str, Any]:
    return jobs._run(job, "print", within, lambda text: None)


def test_it_waits_for_the_end_of_a_run_that_is_not_the_one_before() -> None:
    job = Job()
    assert run(job)["started"] == 100
    assert job.started == 1


def test_a_failure_is_told_with_the_last_lines() -> None:
    with pytest.raises(Failure, match="print: exit status 3 after 2 s\nIts last log lines:\n  out of paper"):
        run(Job(exit=3))


def test_a_run_that_takes_too_long_goes_on() -> None:
    with pytest.raises(Failure, match=r"not at its end within 0\.3 s; it goes on"):
        run(Job(ends=False), within=0.3)
