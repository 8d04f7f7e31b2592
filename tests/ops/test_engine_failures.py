"""The one sentence that is made of all that Pulumi says when something fails."""

from __future__ import annotations

import pytest

from ops import engine

DIAGNOSTICS = """
Diagnostics:
  pulumi:pulumi:Stack (hearth-mine):
    error: update failed

  command:local:Command (redis-package):
    error: exit status 1: running ".venv/bin/python -m host package":
    redis: apt has it
    redis: brew: there is no formula redis

"""


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (DIAGNOSTICS, "redis: brew: there is no formula redis"),
        (DIAGNOSTICS.partition("  command")[0], "update failed"),
        ("error: no stack named 'mine' found\n", "no stack named 'mine' found"),
        ("something else\n\nat last\n\n", "at last"),
        ("", "it failed"),
    ],
)
def test_it_is_what_the_resource_ended_with(said: str, why: str) -> None:
    assert str(engine._failure(["up", "--yes", "--skip-preview"], said)) == f"pulumi up --yes: {why}"
