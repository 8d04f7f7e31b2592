"""PostgreSQL: tuned to its memory; one role and database for each who asks."""

from __future__ import annotations

import re
import subprocess
from typing import Any

import pytest
from support.postgres import figures
from support.stacks import GIB, plan, values

from components.catalog.postgres import CAPTURES
from components.errors import ConfigurationError
from components.spec import ConfigFile, ServiceSpec


def postgres(runtime: str = "docker", **settings: Any) -> ServiceSpec:
    keys = {key.replace("_", "-"): value for key, value in settings.items()}
    return plan(values(runtime, {"postgres": keys})).service("postgres")


def file(spec: ServiceSpec, name: str) -> ConfigFile:
    (found,) = [file for file in spec.files if file.path.endswith(f"/{name}")]
    return found


def refused(**settings: Any) -> str:
    with pytest.raises(ConfigurationError) as error:
        postgres(**settings)
    return str(error.value)


def test_buffers_follow_the_limit() -> None:
    small, large = figures(postgres(memory="512MiB")), figures(postgres(memory="4GiB"))
    assert large["shared_buffers"] == GIB
    assert small["shared_buffers"] * 8 == large["shared_buffers"]
    assert large["effective_cache_size"] < 4 * GIB


def test_more_clients_get_less_each() -> None:
    few, many = postgres(memory="2GiB", max_connections=20), postgres(memory="2GiB", max_connections=200)
    assert figures(few)["work_mem"] > figures(many)["work_mem"]


def test_the_limit_on_processes_leaves_room_for_every_client() -> None:
    spec = postgres(memory="8GiB", max_connections=1000)
    assert spec.resources.pids >= 1000 + 20


def test_more_clients_than_the_memory_holds_are_refused() -> None:
    assert "max-connections" in refused(memory="128MiB", max_connections=1000)


def test_each_database_gets_a_role_that_owns_it_and_its_extensions() -> None:
    sql = file(
        postgres(databases=[{"name": "app"}, {"name": "notes", "extensions": ["vector", "pg_trgm"]}]),
        "roles.sql",
    )
    for name in ("app", "notes"):
        assert f'CREATE DATABASE "{name}" OWNER "{name}"' in sql.content
        assert re.search(rf'ALTER ROLE "{name}" LOGIN NOSUPERUSER .* PASSWORD \'@@{name}@@\'', sql.content)
        assert f'REVOKE ALL ON DATABASE "{name}" FROM PUBLIC' in sql.content
    notes = sql.content.partition('\\connect "notes"')[2]
    assert re.findall(r'CREATE EXTENSION IF NOT EXISTS "(\w+)"', notes) == ["vector", "pg_trgm"]


def test_no_password_is_logged_when_a_statement_fails() -> None:
    first = file(postgres(), "roles.sql").content.index("ALTER ROLE")
    assert "SET log_min_error_statement = 'panic';" in file(postgres(), "roles.sql").content[:first]


def test_every_placeholder_of_a_file_has_its_secret() -> None:
    for found in postgres(databases=[{"name": "app"}, {"name": "notes"}]).files:
        assert set(re.findall(r"@@(\w+)@@", found.content)) == set(found.secrets)


@pytest.mark.parametrize("name", ["postgres", "template0", "template1", "pg_own", "public"])
def test_a_name_that_is_taken_is_refused(name: str) -> None:
    assert "hearth:services.postgres.databases.0.name" in refused(databases=[{"name": name}])


@pytest.mark.parametrize("name", ["a-b", 'a"b', "A", "", "a b", "x" * 60, "é"])
def test_a_name_that_would_need_quoting_is_refused(name: str) -> None:
    assert "hearth:services.postgres.databases.0.name" in refused(databases=[{"name": name}])


def test_one_database_asked_for_twice_is_refused() -> None:
    assert "app" in refused(databases=[{"name": "app"}, {"name": "app", "extensions": []}])


def test_every_client_needs_a_password_and_the_superuser_the_socket() -> None:
    lines = file(postgres(), "pg_hba.conf").content.splitlines()
    rules = [tuple(line.split()) for line in lines if not line.startswith("#")]
    assert rules[0] == ("local", "all", "postgres", "peer", "map=owner")
    others = [rule for rule in rules if rule[2] == "all"]
    assert {rule[-1] for rule in others} == {"scram-sha-256"}
    # The first rule that fits decides.
    reached = [rule for rule in rules if rule[0] == "host"]
    assert reached[0][2:] == ("postgres", "all", "reject")


def test_only_a_private_network_is_let_in() -> None:
    rules = file(postgres("supervisord"), "pg_hba.conf").content
    assert "samenet" not in rules
    assert "0.0.0.0/0" not in rules
    assert "listen_addresses = '127.0.0.1'" in file(postgres("supervisord"), "postgresql.conf").content


def test_the_version_names_image_packages_and_data() -> None:
    spec = postgres(version=17)
    assert "pg17" in spec.image.tag
    assert "postgresql-17" in spec.package.apt
    assert "/17'" in file(spec, "start.sh").content


def test_another_major_version_is_refused_at_the_keyboard() -> None:
    assert "hearth:services.postgres.version" in refused(version=12)


def test_a_stop_waits_for_nobody_and_loses_nothing() -> None:
    process = postgres().process
    assert process.stop_signal == "SIGINT"
    assert process.stop_seconds >= 30


def test_whether_the_watcher_is_let_in_is_no_difference_between_a_backup_and_what_came_of_it() -> None:
    (globals_,) = [one for one in CAPTURES if one.name == "globals.sql"]
    roles = [
        'CREATE ROLE "hearth-watch";',
        'ALTER ROLE "hearth-watch" WITH LOGIN;',
        "ALTER ROLE app WITH LOGIN PASSWORD 'x';",
    ]
    done = subprocess.run(
        [*globals_.tally], input="\n".join(roles) + "\n", capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["ALTER ROLE app WITH LOGIN;", 'CREATE ROLE "hearth-watch";']
