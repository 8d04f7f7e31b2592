"""Settings for all tests."""

from __future__ import annotations

import gc

import pytest
from hypothesis import settings
from support import swarm

# The same examples in every run, so that a red test stays red until it is mended.
settings.register_profile("hearth", derandomize=True, deadline=None, max_examples=100, database=None)
settings.load_profile("hearth")

# Looking for garbage among the classes and records of thousands of tests took a sixth of the time.
gc.set_threshold(200_000, 50, 100)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Once, after the last of all workers."""
    if not hasattr(session.config, "workerinput"):
        swarm.end()
