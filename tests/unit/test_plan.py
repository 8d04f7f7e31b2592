"""The plan: every cross-check, before anything is changed."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from support.stacks import GIB, MIB, facts, plan, values

from components.catalog import entries
from components.config import load_stack_config
from components.errors import ConfigurationError
from components.neighbours import Database, Documents, Requests
from components.plan import build_plan
from components.plan_table import as_data, as_text
from components.runtimes import runtime_for
from components.runtimes.base import Capability


def refused(stack: dict[str, Any], **host: Any) -> str:
    with pytest.raises(ConfigurationError) as error:
        plan(stack, facts(**host))
    return str(error.value)


def change(kind: str, monkeypatch: pytest.MonkeyPatch, **parts: Any) -> None:
    """Let the catalogue's ``kind`` have other functions."""
    monkeypatch.setitem(entries(), kind, replace(entries()[kind], **parts))


def with_needs(kind: str, monkeypatch: pytest.MonkeyPatch, *needs: str) -> None:
    spec = entries()[kind].spec
    change(kind, monkeypatch, spec=lambda settings, context: replace(spec(settings, context), needs=needs))


def test_what_fits_exactly_is_planned() -> None:
    stack = values("docker", {"redis": {"memory": "3GiB"}}, host={"memory": "4GiB", "reserve": "1GiB"})
    assert plan(stack).memory_planned == 3 * GIB


def test_one_byte_too_much_is_refused() -> None:
    stack = values("docker", {"redis": {"memory": 3 * GIB + 1}}, host={"memory": "4GiB", "reserve": "1GiB"})
    assert "hearth:host.memory" in refused(stack)


def test_an_overcommit_names_the_largest_and_the_smallest_change() -> None:
    stack = values(
        "docker",
        {
            "ollama": {"memory": "6GiB"},
            "postgres": {"memory": "3GiB"},
            "redis": {"memory": "1GiB"},
            "nginx": {},
        },
        host={"memory": "9GiB", "reserve": "1GiB"},
    )
    message = refused(stack)
    assert "largest: ollama 6GiB, postgres 3GiB, redis 1GiB" in message
    assert re.search(r"Smallest change that fits: take 2\.1GiB from ollama \(memory: 4032MiB\)", message)


def test_auto_takes_the_figures_of_the_host() -> None:
    stack = values("docker", {"redis": {"memory": "4GiB", "cpus": 4}})
    assert plan(stack, facts(memory=5 * GIB, cpus=4)).memory_host == 5 * GIB
    assert "4GiB" in refused(stack, memory=4 * GIB, cpus=4)
    assert "hearth:services.redis.cpus: 4 is more than the host's 2" in refused(stack, memory=8 * GIB, cpus=2)


def test_declared_figures_win_over_measured_ones() -> None:
    stack = values("docker", {"redis": {"memory": "6GiB"}}, host={"memory": "8GiB", "cpus": 3})
    made = plan(stack, facts(memory=2 * GIB, cpus=1))
    assert (made.memory_host, made.cpus_host) == (8 * GIB, 3)


def test_a_reservation_above_the_limit_is_refused() -> None:
    stack = values("docker", {"redis": {"memory": "64MiB", "reservation": "65MiB"}})
    assert "hearth:services.redis.reservation: 65MiB is more than the limit 64MiB" in refused(stack)


@pytest.mark.parametrize("runtime", ["supervisord", "systemd-user"])
def test_two_services_on_one_port_of_a_shared_host_are_refused(runtime: str) -> None:
    message = refused(values(runtime, {"redis": {"port": 7000}, "postgres": {"port": 7000}}))
    assert "7000 is taken by redis as well; give postgres another port" in message


def test_containers_share_a_port_unless_both_publish_it() -> None:
    plan(values("docker", {"redis": {"port": 7000}, "postgres": {"port": 7000}}))
    both = {"redis": {"port": 7000, "publish": True}, "postgres": {"port": 7000, "publish": True}}
    assert "7000 is taken" in refused(values("docker", both))


def test_a_port_that_somebody_listens_on_is_refused_with_who() -> None:
    stack = values("supervisord", {"redis": {}})
    assert "6379 is listened on by sshd" in refused(stack, busy_ports={6379: "sshd"})
    plan(values("docker", {"redis": {}}), facts(busy_ports={6379: "sshd"}))


def test_two_services_on_one_path_of_the_front_door_are_refused() -> None:
    stack = values("docker", {"ollama": {}, "second": {"type": "ollama", "port": 11435}, "nginx": {}})
    message = refused(stack)
    assert "/ollama/" in message
    assert "second" in message


def test_a_need_that_is_absent_is_refused_with_the_key_to_add(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = entries()["redis"].spec

    def needing(settings: Any, context: Any) -> Any:
        context.endpoint("queue")
        return spec(settings, context)

    change("redis", monkeypatch, spec=needing)
    assert "redis needs queue, which is not in hearth:services; add it there" in refused(
        values("docker", {"redis": {}})
    )


def test_a_declared_need_that_is_absent_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with_needs("redis", monkeypatch, "queue")
    assert "queue" in refused(values("docker", {"redis": {}}))


def test_services_that_need_each_other_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with_needs("redis", monkeypatch, "postgres")
    with_needs("postgres", monkeypatch, "redis")
    message = refused(values("docker", {"redis": {}, "postgres": {}}))
    assert re.search(r"circle: (redis -> postgres -> redis|postgres -> redis -> postgres)", message)


def test_a_database_that_nobody_serves_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    change("redis", monkeypatch, requests=lambda settings: Requests(databases=(Database(name="events"),)))
    assert "hearth:services.redis: needs a database" in refused(values("docker", {"redis": {}}))
    plan(values("docker", {"redis": {}, "postgres": {}}))


def test_a_database_of_documents_that_nobody_serves_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    change("redis", monkeypatch, requests=lambda settings: Requests(documents=(Documents(name="events"),)))
    wanted = "hearth:services.redis: needs a database of documents and no service of the stack serves any"
    assert wanted in refused(values("docker", {"redis": {}, "postgres": {}}))
    made = plan(values("docker", {"redis": {}, "mongodb": {}})).service("mongodb")
    assert {ref.name for ref in made.secrets} == {"mongodb", "documents.app", "documents.events"}


def test_services_start_after_what_they_need() -> None:
    order = [spec.name for spec in plan(values("docker", {"nginx": {}, "redis": {}, "ollama": {}})).services]
    assert order.index("ollama") < order.index("nginx")


def test_everything_wrong_is_said_at_once() -> None:
    stack = values(
        "supervisord",
        {"redis": {"memory": "9GiB", "cpus": 9, "port": 5432}, "postgres": {"memory": "8GiB"}},
    )
    message = refused(stack, busy_ports={5432: "postgres"})
    assert message.startswith("4 problems")


@pytest.mark.parametrize(
    ("runtime", "advisory"),
    [
        ("docker", {Capability.PROCESS_LIMIT}),
        ("systemd-system", {Capability.NETWORKS}),
        ("supervisord", set(Capability)),
        ("launchd-user", set(Capability)),
    ],
)
def test_limits_that_do_not_bind_are_noted(runtime: str, advisory: set[Capability]) -> None:
    made = plan(values(runtime, {"redis": {"cpu-weight": 50}}))
    assert set(made.advisory) == advisory
    notes = as_data(made)["notes"]
    assert all(any(item.value in note for note in notes) for item in advisory)


@pytest.mark.parametrize("runtime", ["swarm", "supervisord", "launchd-user"])
def test_shares_of_the_cpu_are_noted_only_where_somebody_sets_one(runtime: str) -> None:
    note = f"{runtime.partition('-')[0]} cannot enforce shares of the CPU: recorded only"
    assert note not in as_data(plan(values(runtime, {"redis": {}})))["notes"]
    assert note in as_data(plan(values(runtime, {"redis": {"cpu-weight": 50}})))["notes"]


def owners(*, more: dict[str, Any] | None = None, **databases: dict[str, Any]) -> dict[str, Any]:
    """Applications with their settings, each with its tables in PostgreSQL."""
    mine = {name: {"database": "postgres", **settings} for name, settings in databases.items()}
    return values("supervisord", {"postgres": {"memory": "256MiB"}, **mine, **(more or {})})


def test_a_database_that_an_application_must_have_alone_is_no_other_s() -> None:
    plan(owners(n8n={}, langflow={}))
    message = refused(owners(n8n={}, langflow={"database-name": "n8n"}))
    assert message.startswith("1 problem ")
    assert (
        "hearth:services.langflow: asks for the database n8n in postgres, which n8n asks for as well"
        in message
    )
    assert "give one of them another name" in message


def test_a_pool_leads_to_the_same_database_and_another_server_to_another_one() -> None:
    pool = {"pgbouncer": {}}
    wanted = {"n8n": {}, "langflow": {"database-name": "n8n", "postgres": "pgbouncer"}}
    assert "database n8n in postgres" in refused(owners(more=pool, **wanted))
    second = {"second": {"type": "postgres", "port": 5433, "memory": "256MiB"}}
    wanted["langflow"]["postgres"] = "second"
    plan(owners(more=second, **wanted))


def test_programs_of_the_owner_share_a_database_as_they_like() -> None:
    own = {"command": ["/bin/true"], "uses": ["postgres"], "database": "shop"}
    shop = {
        "postgres": {"databases": [{"name": "shop"}]},
        "one": {"type": "agent", **own},
        "two": {"type": "agent", **own},
    }
    plan(values("supervisord", shop))
    shop["n8n"] = {"database": "postgres", "database-name": "shop"}
    assert "asks for the database shop in postgres" in refused(values("supervisord", shop))


@pytest.mark.parametrize(("scope", "told"), [("user", True), ("system", False)])
def test_units_that_wait_for_a_login_are_noted(scope: str, told: bool) -> None:
    notes = as_data(plan(values(f"systemd-{scope}", {"redis": {}})))["notes"]
    assert any("loginctl enable-linger" in note for note in notes) is told


def test_a_limit_that_a_watchdog_keeps_is_told_apart() -> None:
    notes = as_data(plan(values("launchd-user", {"redis": {}})))["notes"]
    assert "launchd cannot enforce memory limits: what stays above its own is restarted" in notes
    assert "launchd cannot enforce CPU limits: recorded only" in notes


def test_a_mac_shares_two_thirds_of_its_memory_with_models_unless_told_otherwise() -> None:
    stack = values("launchd-user", {"ollama": {"models": ["llama3.1:8b"]}})
    assert "hearth:host.gpu-memory" in refused(stack, gpu_memory=GIB)
    plan({**stack, "host": {"gpu-memory": "8GiB"}}, facts(gpu_memory=GIB))
    plan(stack, facts(gpu_memory=None))
    # Containers do not reach a Mac's GPU.
    plan(values("docker", stack["services"]), facts(gpu_memory=GIB))


def test_a_gpu_budget_is_not_accepted_and_then_forgotten() -> None:
    """A figure that nothing reads would be a promise."""
    small = values("docker", {"ollama": {"models": ["llama3.1:8b"]}}, host={"gpu-memory": "1GiB"})
    assert "hearth:host.gpu-memory" in refused(small)


def test_a_mirror_and_an_own_image() -> None:
    stack = values("docker", {"redis": {}, "postgres": {}}, images={"prefix": "mirror:5000/hub/"})
    assert plan(stack).service("redis").image.reference.startswith("mirror:5000/hub/redis:")
    stack = values("docker", {"redis": {}}, images={"redis": "mirror:5000/own/redis:1.2@sha256:" + "a" * 64})
    assert plan(stack).service("redis").image.reference == "mirror:5000/own/redis:1.2@sha256:" + "a" * 64


@pytest.mark.parametrize(
    "reference", ["redis", "redis:latest", "host:5000/redis", "", "redis:", "redis :1", "re dis:1"]
)
def test_an_image_without_an_exact_version_is_refused(reference: str) -> None:
    assert "hearth:images.redis" in refused(values("docker", {"redis": {}}, images={"redis": reference}))


@pytest.mark.parametrize("prefix", ["", "https://mirror", "me:sesame@mirror:5000", "mirror:5000/hub:1.0"])
def test_a_mirror_is_a_registry_and_no_address(prefix: str) -> None:
    said = refused(values("docker", {"redis": {}}, images={"prefix": prefix}))
    assert "hearth:images.prefix: " in said and "write HOST, HOST:PORT or HOST/PATH" in said
    assert "sesame" not in said


def test_the_plan_prints_as_a_table() -> None:
    stack = values(
        "docker", {"redis": {"memory": "256MiB", "cpus": "500m"}}, host={"memory": "4GiB", "reserve": "1GiB"}
    )
    lines = as_text(plan(stack)).splitlines()
    assert lines[0].split() == ["service", "runs", "as", "memory", "cpus", "ports", "networks", "needs"]
    assert lines[1].split()[0] == "redis"
    assert lines[1].split()[2:] == ["256MiB", "0.5", "(6379)", "data", "-"]
    assert lines[2] == "memory: 256MiB of 3GiB planned (4GiB less 1GiB reserve)"


def test_planning_changes_nothing_and_is_repeatable() -> None:
    stack = values("systemd-system", {"redis": {}, "postgres": {}, "ollama": {}, "nginx": {}})
    assert plan(stack) == plan(stack)


def test_a_library_user_may_plan_without_pulumi() -> None:
    config = load_stack_config(values("supervisord", {"redis": {"memory": "64MiB"}}))
    made = build_plan(config, facts(), runtime_for(config, facts(), "mine"), "mine")
    assert (made.stack, made.memory_planned) == ("mine", 64 * MIB)
