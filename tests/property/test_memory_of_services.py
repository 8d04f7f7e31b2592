"""What a service may take by its own settings stays below its limit."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from support.postgres import busiest, figures
from support.stacks import GIB, MIB, facts, plan, values

from components.errors import ConfigurationError
from components.models import footprint
from components.spec import ServiceSpec


def spec(kind: str, **keys: Any) -> ServiceSpec | None:
    """The service, or None where its settings are refused."""
    try:
        return plan(values("docker", {kind: keys}), facts(memory=1024 * GIB)).service(kind)
    except ConfigurationError as error:
        assert f"hearth:services.{kind}" in str(error)
        return None


@settings(max_examples=300)
@given(st.integers(128, 64 * 1024), st.integers(5, 1000))
def test_postgresql_at_its_busiest_stays_below_its_limit(memory: int, clients: int) -> None:
    made = spec("postgres", memory=memory * MIB, **{"max-connections": clients})
    if made is None:
        # Refusing must stay the exception: four mebibytes a client are plenty.
        assert memory < 128 + 4 * clients
        return
    assert busiest(made) < made.resources.memory
    assert figures(made)["work_mem"] >= 64 * 1024
    assert made.resources.pids > clients + 8


@given(st.integers(32, 64 * 1024), st.sampled_from(["aof", "rdb", "none"]))
def test_redis_data_stays_below_its_limit(memory: int, persistence: str) -> None:
    made = spec("redis", memory=memory * MIB, persistence=persistence)
    (line,) = [line for line in made.files[0].content.splitlines() if line.startswith("maxmemory ")]
    assert 0 < int(line.split()[1]) <= 0.9 * made.resources.memory


@given(
    st.lists(st.sampled_from(["llama3.2:1b", "llama3.2:3b", "llama3.1:8b", "phi3:mini", "nomic-embed-text"]), unique=True),
    st.integers(1, 8), st.integers(1, 4), st.integers(256, 32768), st.one_of(st.none(), st.integers(512, 65536)),
)  # fmt: skip
def test_ollama_holds_any_of_its_models_that_may_be_loaded_together(
    models: list[str], parallel: int, loaded: int, context: int, memory: int | None
) -> None:
    keys = {"models": models, "parallel": parallel, "max-loaded": loaded, "context-length": context}
    made = spec("ollama", **keys, **({} if memory is None else {"memory": memory * MIB}))
    sizes = sorted((footprint(model).loaded(context, parallel) for model in models), reverse=True)
    if made is None:
        assert memory is not None
        assert memory * MIB < sum(sizes[:loaded]) + GIB
    else:
        assert made.resources.memory > sum(sizes[:loaded])


@given(st.integers(512, 64 * 1024))
def test_mongodbs_cache_leaves_half_for_its_clients(memory: int) -> None:
    made = spec("mongodb", memory=memory * MIB)
    (size,) = re.findall(r"cacheSizeGB: ([0-9.]+)", made.files[0].content)
    assert 256 * MIB <= float(size) * GIB <= 0.501 * made.resources.memory


@given(st.integers(768, 64 * 1024))
def test_neo4js_heap_and_cache_leave_room_for_the_rest_of_it(memory: int) -> None:
    made = spec("neo4j", memory=memory * MIB)
    heap, cache = map(int, re.findall(r"(?:max_size|pagecache.size)=(\d+)m", made.files[0].content))
    assert heap >= 200
    assert cache >= 128
    assert heap + cache + 384 <= memory
