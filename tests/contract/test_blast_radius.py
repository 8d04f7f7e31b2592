"""A change reaches the service that it is about, and no other."""

from __future__ import annotations

from typing import Any

import pytest
from support.mocks import Recorder
from support.stacks import GIB, RUNTIMES, everything, facts, record, values


def snapshot(recorder: Recorder) -> dict[str, Any]:
    return {resource.urn: resource.inputs for resource in recorder if resource.custom}


def changed(before: Recorder, after: Recorder) -> set[str]:
    """Names of the components whose resources differ."""
    old, new = snapshot(before), snapshot(after)
    differing = {urn for urn in old.keys() | new.keys() if old.get(urn) != new.get(urn)}
    found = set()
    for urn in differing:
        recorder = after if urn in new else before
        found.add(recorder.by_urn[urn].parent.rpartition("::")[2])
    return found


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("service", ["nginx", "ollama", "postgres", "redis"])
def test_a_memory_limit_changes_its_own_service_alone(runtime: str, service: str) -> None:
    stack = everything(runtime)
    before = record(stack)
    stack["services"][service] = {**stack["services"][service], "memory": "3GiB"}
    reached = changed(before, record(stack))
    assert reached == {service}


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_new_service_without_routes_changes_no_other_but_the_one_that_watches_all(runtime: str) -> None:
    stack = everything(runtime)
    before = record(stack)
    stack["services"]["cache"] = {"type": "redis", "port": 6380}
    assert changed(before, record(stack)) == {"cache", "test", "prometheus"}


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_nothing_changed_is_nothing_to_do(runtime: str) -> None:
    assert changed(record(everything(runtime)), record(everything(runtime))) == set()


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_order_of_keys_in_a_stack_file_does_not_matter(runtime: str) -> None:
    stack = everything(runtime)
    turned = {**stack, "services": dict(reversed(stack["services"].items()))}
    assert changed(record(stack), record(turned)) == set()


def test_the_figures_of_the_host_reach_no_resource_that_they_are_not_for() -> None:
    stack = everything("docker")
    # As many threads as cores, unless their number is said.
    stack["services"] |= {name: {"cpus": 1} for name in ("nginx", "llama-cpp", "localai", "embeddings")}
    assert changed(record(stack), record(stack, facts(memory=32 * GIB, cpus=64))) == set()


def test_leaving_a_native_runtime_deletes_the_command_that_stops_the_process() -> None:
    service = {"redis": {"memory": "64MiB"}}
    native, containers = record(values("supervisord", service)), record(values("docker", service))
    stops = {found.urn for found in native if "host remove" in str(found.inputs.get("delete"))}
    assert stops
    assert not stops & set(containers.by_urn)
