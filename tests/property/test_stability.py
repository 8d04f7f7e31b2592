"""The same stack file gives the same resources, every time: an empty second preview."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from support.stacks import MIB, RUNTIMES, record, values

SERVICES = st.fixed_dictionaries(
    {},
    optional={
        "redis": st.fixed_dictionaries({}, optional={
            "memory": st.integers(32, 512).map(lambda size: size * MIB), "persistence": st.sampled_from(["aof", "rdb", "none"]),
        }),
        "postgres": st.fixed_dictionaries({}, optional={"databases": st.lists(st.sampled_from(["app", "notes", "wiki"]), unique=True).map(
            lambda names: [{"name": name} for name in names]
        )}),
        "ollama": st.fixed_dictionaries({}, optional={"models": st.lists(st.sampled_from(["llama3.2:1b", "own:2b"]), unique=True)}),
        "nginx": st.fixed_dictionaries({}, optional={"tls": st.just("self-signed"), "basic-auth": st.booleans()}),
    },
)  # fmt: skip


@settings(max_examples=25)
@given(SERVICES, st.sampled_from(sorted(RUNTIMES)), st.randoms(use_true_random=False))
def test_the_same_stack_is_the_same_resources(services: dict[str, Any], runtime: str, source: Any) -> None:
    names = list(services)
    source.shuffle(names)
    first = record(values(runtime, services))
    second = record(values(runtime, {name: services[name] for name in names}))
    assert {r.urn: (r.wire, r.dependencies) for r in first} == {
        r.urn: (r.wire, r.dependencies) for r in second
    }
