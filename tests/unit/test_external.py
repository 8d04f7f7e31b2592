"""Services that somebody else runs: nothing is made of them, and neighbours are led there."""

from __future__ import annotations

import re
from typing import Any

import pytest
from support.stacks import RUNTIMES, plan, record, values

from components.config import CONTAINERS, load_stack_config
from components.errors import ConfigurationError
from components.plan_table import as_data
from components.spec import ServiceSpec

GATEWAY = "host.docker.internal:11434"
LOCAL = "127.0.0.1:11434"
FAR = "ollama.example.org:11434"


def stack(runtime: str, address: str | None = None, **more: Any) -> dict[str, Any]:
    address = address or {"docker": GATEWAY, "swarm": FAR}.get(runtime, LOCAL)
    return values(runtime, {"nginx": {}, "ollama": {"external": address}, **more})


def refused(values: dict[str, Any]) -> str:
    with pytest.raises(ConfigurationError) as error:
        plan(values)
    return str(error.value)


def configuration(spec: ServiceSpec) -> str:
    return next(file.content for file in spec.files if file.path.endswith("nginx.conf"))


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_nothing_is_made_but_a_gate_that_neighbours_wait_for(runtime: str) -> None:
    found = record(stack(runtime))
    component = found.named("ollama", "hearth:service:Ollama")
    (gate,) = found.below(component)
    assert gate.name == "ollama-answers"
    assert gate.inputs["create"].endswith(" host answers")
    assert gate.document["path"] == "/api/version"
    assert component.outputs["endpoint"] == f"{gate.document['host']}:{gate.document['port']}"
    last = found.named("nginx-ready" if runtime in CONTAINERS else "nginx", "command:local:Command")
    reached = {
        urn for resource in [last, *found] if "nginx" in resource.name for urn in resource.dependencies
    }
    assert gate.urn in reached


def test_it_takes_nothing_of_the_budget_and_stands_in_the_plan() -> None:
    made = plan(stack("docker"))
    assert [spec.name for spec in made.services] == ["nginx"]
    assert made.memory_planned == made.service("nginx").resources.memory
    assert f"ollama: run by somebody else at {GATEWAY}" in as_data(made)["notes"]


def test_a_container_is_told_the_host_and_has_a_way_there() -> None:
    found = record(stack("docker", redis={}))
    container = found.named("nginx-container", "docker:index/container:Container").inputs
    assert container["hosts"] == [{"host": "host.docker.internal", "ip": "host-gateway"}]
    assert "test-egress" in {network["name"] for network in container["networksAdvanced"]}
    assert found.named("nginx-files", "command:local:Command").document["check"]["hosts"]
    other = found.named("redis-container", "docker:index/container:Container").inputs
    assert not other.get("hosts")
    assert {network["name"] for network in other["networksAdvanced"]} == {"test-data"}


def test_what_probes_others_reaches_it_too() -> None:
    made = plan(stack("docker", **{"blackbox-exporter": {}, "prometheus": {}}))
    assert "egress" in made.service("blackbox-exporter").networks
    assert "egress" not in made.service("prometheus").networks
    rendered = "".join(file.content for file in made.service("prometheus").files)
    assert f"http://{GATEWAY}/api/version" in rendered


def test_nginx_finds_it_by_the_machines_own_names() -> None:
    """Docker's DNS server, which nginx asks for neighbours, does not know the host's name."""
    text = configuration(plan(stack("docker")).service("nginx"))
    assert re.search(rf"upstream ollama {{\s+server {re.escape(GATEWAY)};", text)
    assert "proxy_pass http://ollama;" in text
    assert "$upstream" not in text


def test_one_of_the_stacks_own_is_still_asked_for_again() -> None:
    text = configuration(plan(values("docker", {"nginx": {}, "ollama": {}})).service("nginx"))
    assert "set $upstream ollama:11434;" in text
    assert "upstream ollama {" not in text


def test_without_containers_loopback_needs_no_way_outside() -> None:
    assert "egress" not in plan(stack("systemd-system")).service("nginx").networks
    far = plan(stack("systemd-system", "ollama.example.org:80")).service("nginx")
    assert "egress" in far.networks


def test_an_address_that_means_another_machine_is_refused_with_the_right_one() -> None:
    message = refused(stack("docker", LOCAL))
    assert f"hearth:services.ollama.external: 127.0.0.1 is each container itself; write {GATEWAY}" in message
    message = refused(stack("supervisord", GATEWAY))
    assert f"host.docker.internal is a name for containers; write {LOCAL}" in message


@pytest.mark.parametrize(
    "address", ["ollama", "http://ollama:80", "ollama:0", "ollama:70000", ":80", "a b:80"]
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ConfigurationError, match=r"hearth:services\.ollama\.external"):
        load_stack_config(stack("docker", address))


def test_a_database_or_an_account_that_nobody_would_make_is_refused() -> None:
    services = {"redis": {"external": "redis.example.org:6379"}, "redis-exporter": {}}
    message = refused(values("docker", services))
    assert "watches redis, which is external and has no account for that; remove redis-exporter" in message
