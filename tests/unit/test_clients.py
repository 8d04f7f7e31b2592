"""Every service that can be used by an owner's program tells how, and keeps its secrets out of sight."""

from __future__ import annotations

import pytest
from support.stacks import plan, values

from components.catalog import entries

USABLE = sorted(kind for kind, entry in entries().items() if entry.client is not None)
# Without these they could not be used so.
NEEDS: dict[str, dict[str, dict[str, object]]] = {"pgbouncer": {"postgres": {}}}
DATABASE = {"postgres": "shop", "pgbouncer": "shop"}
KEYED = {"llama-cpp": {"api-key": True}, "localai": {"api-key": True}}


@pytest.mark.parametrize("kind", USABLE)
def test_a_program_is_told_where_it_is_and_finds_its_secrets_in_files(kind: str) -> None:
    user = {"directory": "examples/agent", "uses": [kind], "database": DATABASE.get(kind)}
    services = {kind: KEYED.get(kind, {}), "agent": user, "postgres": {}, **NEEDS.get(kind, {})}
    made = plan(values("docker", services, images={"agent": "registry.example.org/agent:1.0.0"}))
    agent, used = made.service("agent"), made.service(kind)
    assert kind in agent.needs
    assert set(agent.networks) & set(used.networks)
    port = used.ports[0].number
    told = [text for text in agent.process.env.values() if kind in text or str(port) in text]
    told += [file.content for file in agent.files if f"{kind}:{port}" in file.content]
    assert told
    for name, path in agent.process.env.items():
        if name.endswith("_FILE"):
            (file,) = [file for file in agent.files if file.path == path]
            assert file.secrets


@pytest.mark.parametrize("kind", USABLE)
def test_its_secrets_are_those_that_the_service_is_made_with(kind: str) -> None:
    user = {"directory": "examples/agent", "uses": [kind], "database": DATABASE.get(kind)}
    services = {kind: KEYED.get(kind, {}), "agent": user, "postgres": {}, **NEEDS.get(kind, {})}
    made = plan(values("docker", services, images={"agent": "registry.example.org/agent:1.0.0"}))
    assert set(made.service("agent").secrets) <= {
        ref for spec in made.services if spec.name != "agent" for ref in spec.secrets
    }


def test_a_database_of_documents_that_is_not_there_is_named() -> None:
    from components.errors import ConfigurationError

    user = {"directory": "examples/etl", "uses": ["mongodb"], "database": "shop"}
    with pytest.raises(ConfigurationError, match="uses mongodb, which has no database shop"):
        plan(values("supervisord", {"mongodb": {}, "postgres": {}, "agent": user}))
