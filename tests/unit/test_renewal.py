"""What the catalogue makes of a secret that was replaced: both values count, then the new one alone."""

from __future__ import annotations

import re
from typing import Any

import pytest
from support.stacks import facts, plan, record, values

from components.facts import Renewed
from components.plan import DeploymentPlan
from components.spec import ServiceSpec

SERVICES: dict[str, Any] = {
    "postgres": {"databases": []},
    "pgbouncer": {},
    "redis": {},
    "api": {
        "command": ["shop"],
        "uses": ["redis", "postgres"],
        "database": "shop",
        "secrets": {"JWT_SECRET": "jwt"},
    },
}
SHOP = "postgres-shop"


def planned(**renewed: Renewed) -> DeploymentPlan:
    known = {name.replace("_", "-"): one for name, one in renewed.items()}
    return plan(values("supervisord", SERVICES), facts(renewed=known))


def text(spec: ServiceSpec, name: str) -> str:
    return next(file.content for file in spec.files if file.path.endswith(f"/{name}"))


def logins(made: DeploymentPlan) -> dict[str, bool]:
    """Each role of the database, and whether it may log in."""
    sql = text(made.service("postgres"), "roles.sql")
    found = re.findall(r'ALTER ROLE "(shop[^"]*)" LOGIN .* PASSWORD (.*);', sql)
    assert all(word in ("NULL", f"'@@{role}@@'") for role, word in found)
    return {role: word != "NULL" for role, word in found}


@pytest.mark.parametrize(
    ("count", "both", "expected", "shown"),
    [
        (0, False, {"shop": True}, "shop"),
        (1, True, {"shop": True, "shop-b": True}, "shop-b"),
        (1, False, {"shop": False, "shop-b": True}, "shop-b"),
        (2, True, {"shop": True, "shop-b": True}, "shop"),
        (2, False, {"shop": True, "shop-b": False}, "shop"),
    ],
)
def test_roles_take_turns(count: int, both: bool, expected: dict[str, bool], shown: str) -> None:
    made = planned(postgres_shop=Renewed(count, both)) if count else planned()
    assert logins(made) == expected
    api, roles = made.service("api"), made.service("postgres").files[-1]
    assert api.process.env["PGUSER"] == shown
    assert f"//{shown}:@@postgres@@@" in text(api, "DATABASE_URL")
    assert roles.secrets[shown].name == SHOP
    assert {ref.name for ref in roles.secrets.values()} == ({SHOP, f"{SHOP}..previous"} if both else {SHOP})
    users = set(re.findall(r'^"(.*?)"', text(made.service("pgbouncer"), "users.txt"), re.MULTILINE))
    assert users == {role for role, may in expected.items() if may}


def test_who_logs_in_by_the_second_role_is_the_owner_and_the_first_is_put_out() -> None:
    sql = text(planned(postgres_shop=Renewed(1, False)).service("postgres"), "roles.sql")
    assert 'GRANT "shop" TO "shop-b";' in sql
    assert """ALTER ROLE "shop-b" SET role = 'shop';""" in sql
    assert "pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'shop'" in sql


def test_redis_takes_both_passwords_meanwhile() -> None:
    assert text(planned(redis=Renewed(1, True)).service("redis"), "users.acl").startswith(
        "user default on >@@password@@ >@@password.before@@ "
    )
    for made in (planned(), planned(redis=Renewed(1, False))):
        assert text(made.service("redis"), "users.acl").startswith("user default on >@@password@@ ~*")


def test_a_secret_is_read_again_when_it_was_replaced() -> None:
    found = record(values("supervisord", SERVICES), facts(renewed={"redis": Renewed(3, True)}))
    again = {r.name: (r.inputs.get("environment") or {}) for r in found if r.name.startswith("secret-")}
    assert again["secret-redis"] == {"HEARTH_GENERATION": "3"}
    assert again["secret-jwt"] == {}
    assert "secret-redis..previous" in again


def test_replicas_that_are_asked_start_one_after_the_other() -> None:
    services = SERVICES | {"api": {**SERVICES["api"], "port": 8100, "replicas": 2}}
    found = record(values("supervisord", services))
    first = found.named("api-1", "command:local:Command")
    assert first.urn in found.named("api-2", "command:local:Command").dependencies
