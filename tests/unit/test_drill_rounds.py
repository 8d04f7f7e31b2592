"""A drill restores at once what there is memory for."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.stacks import plan, values

from components.config import load_stack_config
from ops.backup.rounds import rounds
from ops.backup.target import Target
from ops.errors import Failure

MIB = 1024**2
SERVICES = {
    "redis": {"memory": "100MiB"},
    "postgres": {"memory": "300MiB"},
    "pgbouncer": {"memory": "50MiB"},
}


@pytest.fixture
def target() -> Target:
    config = values("supervisord", SERVICES, backup={})
    settings = load_stack_config(config).backup
    assert settings is not None
    return Target("test", Path("/srv/test"), plan(config), settings, containers=False)


@pytest.mark.parametrize(
    ("free", "expected"),
    [
        (400, [["redis", "postgres"]]),
        (399, [["redis"], ["postgres"]]),
        (300, [["redis"], ["postgres"]]),
    ],
)
def test_no_round_is_allowed_more_than_is_free(target: Target, free: int, expected: list[list[str]]) -> None:
    assert rounds(target, ["redis", "postgres"], free * MIB) == expected


def test_what_a_service_needs_runs_beside_it_once(target: Target) -> None:
    assert rounds(target, ["postgres", "pgbouncer"], 350 * MIB) == [["postgres", "pgbouncer"]]
    assert rounds(target, ["redis", "pgbouncer"], 350 * MIB) == [["redis"], ["pgbouncer"]]


def test_what_never_fits_is_refused_with_both_figures(target: Target) -> None:
    with pytest.raises(Failure, match=r"^postgres: .* 300MiB .* 299MiB of memory are free"):
        rounds(target, ["redis", "postgres"], 299 * MIB)
