"""No secret is ever in plain text in anything that the engine is told."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from support.mocks import Answers, Recorder, Registration, visible
from support.stacks import RUNTIMES, everything, plan, record

CANARY = "canary-9f3a7c51-{}"
# Swarm keeps them itself.
DELIVERED = [name for name in RUNTIMES if name != "swarm"]


def stack(runtime: str) -> dict[str, Any]:
    """Every service, and nginx with all the secrets that it may have."""
    found = everything(runtime)
    found["services"]["nginx"] |= {"tls": "self-signed", "basic-auth": True}
    return found


@cache
def recorded(runtime: str) -> Recorder:
    return record(stack(runtime), answers=Answers(secrets=CANARY.format))


def spellings() -> Iterator[str]:
    """The constant part of every canary, plain and in base64 at each of the three offsets."""
    text = CANARY.partition("{")[0]
    yield text
    for offset in range(3):
        encoded = base64.b64encode(b"x" * offset + text.encode()).decode()
        # The first and last group depend on what stands beside the canary.
        yield encoded[4:-4]


@cache
def secrets(runtime: str) -> set[str]:
    """Names of the secrets that the services are made with."""
    return {ref.name for spec in plan(stack(runtime)).services for ref in spec.secrets}


def leaks(resource: Registration) -> list[str]:
    seen = json.dumps([visible(resource.wire), resource.name, resource.urn, resource.outputs])
    return [spelling for spelling in spellings() if spelling in seen]


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_no_resource_shows_a_secret(runtime: str) -> None:
    found = recorded(runtime)
    assert {resource.urn: leaks(resource) for resource in found if leaks(resource)} == {}
    assert not any(spelling in json.dumps(visible(found.exports)) for spelling in spellings())


@pytest.mark.parametrize("runtime", DELIVERED)
def test_every_secret_is_delivered_as_a_marked_input(runtime: str) -> None:
    """The test above proves nothing unless the secrets get somewhere."""
    found = recorded(runtime)
    made = {resource.name for resource in found if resource.name.startswith("secret-")}
    assert made == {f"secret-{name}" for name in secrets(runtime)}
    delivered = json.dumps([resource.inputs for resource in found if resource.name.endswith("-secrets")])
    for name in made:
        assert CANARY.format(name) in delivered


@pytest.mark.parametrize("runtime", DELIVERED)
def test_commands_that_handle_secrets_keep_their_output_encrypted_and_unlogged(runtime: str) -> None:
    handling = [r for r in recorded(runtime) if "secret" in r.name and r.type == "command:local:Command"]
    assert {r.name for r in handling} == {f"secret-{name}" for name in secrets(runtime)} | {
        f"{spec.name}-secrets" for spec in plan(stack(runtime)).services if spec.secrets
    }
    for command in handling:
        assert set(command.secret_outputs) >= {"stdout", "stdin"}
        assert command.inputs["logging"] == "none"


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_no_command_gets_the_output_of_its_last_run_in_its_environment(runtime: str) -> None:
    for command in recorded(runtime).of_type("command:local:Command"):
        assert command.inputs["addPreviousOutputInEnv"] is False


@pytest.mark.parametrize("runtime", DELIVERED)
def test_a_rotated_secret_starts_the_service_again_without_showing_it(runtime: str) -> None:
    found = recorded(runtime)
    delivery = "redis-exporter-secrets: done"
    if runtime == "docker":
        container = found.named("redis-exporter-container", "docker:index/container:Container")
        assert {"label": "hearth.generation", "value": delivery} in visible(container.wire)["labels"]
    else:
        gate = found.named("redis-exporter", "command:local:Command")
        assert visible(gate.wire)["environment"]["HEARTH_GENERATION"] == delivery


@pytest.mark.parametrize("runtime", DELIVERED)
def test_what_takes_a_secret_as_it_runs_only_has_its_tasks_run_again(runtime: str) -> None:
    found = recorded(runtime)
    if runtime == "docker":
        container = found.named("redis-container", "docker:index/container:Container")
        assert "hearth.generation" not in json.dumps(visible(container.wire)["labels"])
    gate = found.named("redis-ready" if runtime == "docker" else "redis", "command:local:Command")
    assert visible(gate.wire)["environment"]["HEARTH_GENERATION"].endswith("redis-secrets: done")
    if runtime != "docker":
        assert json.loads(gate.inputs["stdin"])["live_secrets"]


def test_every_secret_of_a_swarm_is_marked_and_a_rotated_one_is_another() -> None:
    found = recorded("swarm")
    made = found.of_type("docker:index/secret:Secret")
    texts = "".join(base64.b64decode(secret.inputs["data"]).decode() for secret in made)
    for name in {resource.name for resource in found if resource.name.startswith("secret-")}:
        assert CANARY.format(name) in texts
    assert all("data" in secret.secret_outputs and not secret.delete_before_replace for secret in made)
    gate = found.named("redis-ready", "command:local:Command")
    assert {secret.urn for secret in made if secret.name.startswith("redis-secret-")} <= {
        urn for resource in found if resource.name == "redis-service" for urn in resource.dependencies
    }
    assert visible(gate.wire)["environment"]["HEARTH_GENERATION"]


def test_a_secret_is_made_once_however_many_files_it_is_in() -> None:
    made = [r.name for r in recorded("docker") if r.name.startswith("secret-")]
    assert len(made) == len(set(made))
