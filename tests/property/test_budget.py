"""The change that the plan suggests really makes the stack fit."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from support.stacks import MIB, facts, plan, values

from components.errors import ConfigurationError

SIZES = {
    "ollama": st.integers(700, 9000), "postgres": st.integers(300, 4000),
    "redis": st.integers(40, 3000), "nginx": st.integers(20, 300),
}  # fmt: skip
SUGGESTED = re.compile(r"from ([a-z]+) \(memory: ([\d.]+[KMGT]?i?B)\)")


@st.composite
def stacks(draw: st.DrawFn) -> dict[str, Any]:
    """A stack with limits in mebibytes and bytes, on a host that may be too small."""
    names = draw(st.sets(st.sampled_from(sorted(SIZES)), min_size=1))
    services = {
        name: {"memory": draw(SIZES[name]) * MIB + draw(st.sampled_from([0, 1, 12345]))}
        for name in sorted(names)
    }
    host = {"memory": draw(st.integers(1500, 12000)) * MIB, "reserve": "1GiB"}
    return values("docker", services, host=host)


@settings(max_examples=300)
@given(stacks())
def test_an_overcommit_is_refused_and_only_that(stack: dict[str, Any]) -> None:
    planned = sum(settings["memory"] for settings in stack["services"].values())
    fits = planned <= stack["host"]["memory"] - 1024 * MIB
    try:
        assert plan(stack).memory_planned == planned
        assert fits
    except ConfigurationError as error:
        assert not fits
        assert "hearth:host.memory: limits add up to" in str(error)


@settings(max_examples=300)
@given(stacks(), st.booleans())
def test_the_suggested_change_fits_and_is_not_much_more_than_needed(
    stack: dict[str, Any], models: bool
) -> None:
    if models and "ollama" in stack["services"]:
        assume(stack["services"]["ollama"]["memory"] > 3600 * MIB)
        stack["services"]["ollama"]["models"] = ["llama3.2:3b"]
    try:
        plan(stack)
    except ConfigurationError as refused:
        suggested = SUGGESTED.findall(str(refused).partition("Smallest change that fits: ")[2])
        if not suggested:
            assert "switch services off" in str(refused)
            return
        for name, memory in suggested:
            stack["services"][name]["memory"] = memory
        made = plan(stack)
        left = made.memory_host - made.memory_reserve - made.memory_planned
        # Rounded to what a person would write.
        assert 0 <= left <= 2 * MIB + made.memory_planned // 100


@given(st.integers(1, 64), st.integers(1, 64))
def test_more_cores_than_the_host_has_are_refused(asked: int, there: int) -> None:
    stack = values("docker", {"redis": {"cpus": asked}})
    try:
        plan(stack, facts(cpus=there))
        assert asked <= there
    except ConfigurationError as error:
        assert asked > there
        assert f"write {there} or less" in str(error)
