"""What a swarm cannot run, or not here, is refused; what it cannot enforce is said."""

from __future__ import annotations

from typing import Any

import pytest
from support.stacks import facts, plan, values

from components.errors import ConfigurationError
from components.facts import Gpu
from components.plan_table import as_data


def refused(services: dict[str, Any], nodes: int = 1, **more: Any) -> str:
    with pytest.raises(ConfigurationError) as error:
        plan({"runtime": "swarm", "services": services, **more}, facts(swarm_nodes=lambda: nodes))
    return str(error.value)


@pytest.mark.parametrize(("nodes", "has"), [(0, "no swarm"), (3, "3 nodes")])
def test_a_daemon_without_a_swarm_of_one_node_is_refused(nodes: int, has: str) -> None:
    message = refused({"redis": {}}, nodes)
    assert f"and there is {has}; run `docker swarm init --advertise-addr 127.0.0.1`" in message


def test_a_port_on_one_address_alone_is_refused() -> None:
    message = refused({"nginx": {}, "redis": {"publish": True}})
    assert (
        "hearth:services.nginx: Swarm publishes port 8080 on every address of the host, not on 127" in message
    )
    assert "hearth:services.redis: Swarm publishes port 6379" in message


def test_what_services_of_a_swarm_cannot_be_told_is_refused() -> None:
    assert "hearth:docker: is for runtime docker" in refused({"redis": {}}, docker={"apparmor": "hearth"})
    services = {"nginx": {"address": "0.0.0.0"}, "ollama": {"external": "host.docker.internal:11434"}}
    assert "Swarm cannot tell it host.docker.internal; write an address of this host" in refused(services)


def test_an_archive_that_nothing_could_be_read_from_is_refused() -> None:
    message = refused({"postgres": {"point-in-time": {}}}, backup={})
    assert "hearth:services.postgres.point-in-time: is not done under swarm" in message


def test_what_it_cannot_enforce_is_said() -> None:
    cards = (Gpu("NVIDIA", 1024**3),)
    stack = values("swarm", {"ollama": {"models": ["llama3.2:1b"]}})
    notes = as_data(plan(stack, facts(gpus=cards, swarm_nodes=lambda: 1)))["notes"]
    assert "swarm cannot enforce a ban on new privileges: recorded only" in notes
    assert "swarm cannot enforce limits on the number of processes: recorded only" in notes
    assert any(note.startswith("a GPU of NVIDIA is here; containers are not given it") for note in notes)
