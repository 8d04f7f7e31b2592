"""PgBouncer and Neo4j read what is rendered for them, a JavaScript engine runs MongoDB's script; Qdrant's and
MongoDB's keys are those that are documented.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.rendered import lay_out
from support.stacks import plan, values
from support.tools import call, tool

from components.spec import ServiceSpec
from tests.standins import neo4j

RUNTIMES = ["docker", "supervisord"]
every_runtime = pytest.mark.parametrize("runtime", RUNTIMES)


def service(
    kind: str, runtime: str, directory: Path, settings: dict[str, Any] | None = None, **others: Any
) -> ServiceSpec:
    stack = values(runtime, {kind: settings or {}, **others}, data=str(directory / "stack"))
    return plan(stack).service(kind)


def keys(value: Any, prefix: str = "") -> dict[str, type]:
    """Every key of a YAML document, by its dotted path, to the type of its value."""
    if not isinstance(value, dict):
        return {prefix: type(value)}
    found: dict[str, type] = {}
    for key, inner in value.items():
        found |= keys(inner, f"{prefix}.{key}" if prefix else key)
    return found


# PgBouncer ----------------------------------------------------------------------------------------

# It reads its files, and only then says that root must not run it.
ROOT = "PgBouncer should not run as root"


def pgbouncer(runtime: str, directory: Path) -> dict[str, Path]:
    spec = service(
        "pgbouncer", runtime, directory, postgres={"databases": [{"name": "app"}, {"name": "notes"}]}
    )
    return lay_out(spec, directory)


@every_runtime
def test_pgbouncer_accepts_its_configuration(runtime: str, tmp_path: Path) -> None:
    files = pgbouncer(runtime, tmp_path)
    said = call(tool("pgbouncer"), files["pgbouncer.ini"]).stderr
    assert [line.partition("] ")[2] for line in said.splitlines()] == [f"FATAL {ROOT}"]


def test_a_mistake_in_pgbouncers_would_be_noticed(tmp_path: Path) -> None:
    files = pgbouncer("docker", tmp_path)
    files["pgbouncer.ini"].write_text(files["pgbouncer.ini"].read_text().replace("pool_mode", "pool_mood"))
    said = call(tool("pgbouncer"), files["pgbouncer.ini"]).stderr
    assert "unknown parameter: pgbouncer/pool_mood" in said
    assert ROOT not in said


# Qdrant -------------------------------------------------------------------------------------------

# https://github.com/qdrant/qdrant/blob/v1.15.4/config/config.yaml, and src/settings.rs for enable_static_content.
QDRANT: dict[str, type] = {
    "log_level": str, "telemetry_disabled": bool,
    "service.host": str, "service.http_port": int, "service.grpc_port": int,
    "service.max_request_size_mb": int, "service.enable_cors": bool, "service.enable_static_content": bool,
    "service.api_key": str, "service.read_only_api_key": str,
    "storage.storage_path": str, "storage.snapshots_path": str, "storage.on_disk_payload": bool,
    "storage.performance.max_search_threads": int, "storage.performance.optimizer_cpu_budget": int,
    "storage.hnsw_index.on_disk": bool, "storage.collection.vectors.on_disk": bool,
    "cluster.enabled": bool,
}  # fmt: skip


@pytest.mark.parametrize("settings", [{}, {"on-disk": True, "cpus": "1500m"}], ids=["plain", "on disk"])
@every_runtime
def test_qdrants_keys_are_documented(runtime: str, settings: dict, tmp_path: Path) -> None:
    files = lay_out(service("qdrant", runtime, tmp_path, settings), tmp_path)
    found = keys(yaml.safe_load(files["config.yaml"].read_text()))
    assert found.items() <= QDRANT.items()
    assert ("storage.hnsw_index.on_disk" in found) is bool(settings)


# MongoDB ------------------------------------------------------------------------------------------

# https://www.mongodb.com/docs/v7.0/reference/configuration-options/
MONGODB: dict[str, type] = {
    "net.bindIp": str, "net.port": int, "net.maxIncomingConnections": int, "net.unixDomainSocket.enabled": bool,
    "security.authorization": str, "storage.dbPath": str,
    "storage.wiredTiger.engineConfig.cacheSizeGB": float, "systemLog.quiet": bool,
}  # fmt: skip


@pytest.mark.parametrize("memory", ["512MiB", "3000MiB"])
@every_runtime
def test_mongodbs_keys_are_documented(runtime: str, memory: str, tmp_path: Path) -> None:
    files = lay_out(service("mongodb", runtime, tmp_path, {"memory": memory}), tmp_path)
    assert keys(yaml.safe_load(files["mongod.conf"].read_text())) == MONGODB


# A server's users, as MongoDB's manual tells them: the first may be made from its own host, and whoever has proved to be
# somebody may make more. https://www.mongodb.com/docs/v7.0/core/localhost-exception/
SERVER = """
const kept = JSON.parse(process.argv[1]);
let somebody = false;
const refuse = (code) => { throw Object.assign(new Error("refused"), { code }); };
const guard = () => somebody || Object.keys(kept).length === 0 || refuse(13);
const db = { getSiblingDB: (base) => ({
  createUser: ({ user, pwd, roles }) => {
    guard();
    if (kept[`${base}.${user}`]) refuse(51003);
    kept[`${base}.${user}`] = { pwd, roles };
  },
  updateUser: (user, change) => { guard(); Object.assign(kept[`${base}.${user}`] ?? refuse(11), change); },
  getUser: (user) => { guard(); return kept[`${base}.${user}`] ?? null; },
  auth: (user, pwd) => { kept[`${base}.${user}`]?.pwd === pwd ? (somebody = true) : refuse(18); },
}) };
const disableTelemetry = () => {};
process.on("exit", (code) => code || console.log(JSON.stringify(kept)));
"""


def users_after(before: dict[str, Any], directory: Path, **settings: Any) -> dict[str, Any] | str:
    """What a server's users are once the rendered script has run, or what it said when it failed."""
    script = lay_out(service("mongodb", "supervisord", directory, settings), directory)["users.js"]
    done = call(tool("node"), "-e", SERVER + script.read_text(), json.dumps(before))
    return json.loads(done.stdout) if done.returncode == 0 else done.stderr


def test_mongodb_gets_an_owner_and_a_user_for_each_database(tmp_path: Path) -> None:
    found = users_after({}, tmp_path, databases=["app", "notes"])
    assert {name: user["roles"] for name, user in found.items()} == {
        "admin.root": ["root"],
        "app.app": [{"role": "readWrite", "db": "app"}],
        "notes.notes": [{"role": "readWrite", "db": "notes"}],
    }
    assert len({user["pwd"] for user in found.values()}) == 3


def test_mongodbs_users_follow_the_stack_and_its_secrets(tmp_path: Path) -> None:
    first = users_after({}, tmp_path)
    first["app.app"] = {"pwd": "an older one", "roles": []}
    assert users_after(first, tmp_path, databases=["app", "notes"]) == users_after(
        {}, tmp_path, databases=["app", "notes"]
    )


def test_a_mongodb_that_somebody_else_took_first_fails_loudly(tmp_path: Path) -> None:
    taken = {"admin.root": {"pwd": "somebody else's", "roles": ["root"]}}
    assert "refused" in users_after(taken, tmp_path)


# Neo4j --------------------------------------------------------------------------------------------


def neo4j_says(configuration: Path) -> str:
    """What its own reader of settings has to say; nothing when it is content."""
    words = ("-cp", f"{neo4j()}:{neo4j()}/lib/*", "Neo4jStandIn", "check")
    return call(tool("java"), *words, env={**os.environ, "NEO4J_CONF": str(configuration.parent)}).stderr


@pytest.mark.parametrize("settings", [{}, {"memory": "6GiB", "http-port": 7474}], ids=["default", "large"])
@every_runtime
def test_neo4j_accepts_its_configuration(runtime: str, settings: dict, tmp_path: Path) -> None:
    files = lay_out(service("neo4j", runtime, tmp_path, settings), tmp_path)
    assert neo4j_says(files["neo4j.conf"]) == ""


@pytest.mark.parametrize(
    ("old", "new"), [("auth_enabled", "auth_enabledd"), ("pagecache.size=", "pagecache.size=much")]
)
def test_a_mistake_in_neo4js_would_be_noticed(old: str, new: str, tmp_path: Path) -> None:
    files = lay_out(service("neo4j", "docker", tmp_path), tmp_path)
    files["neo4j.conf"].write_text(files["neo4j.conf"].read_text().replace(old, new))
    assert new.partition("=")[0] in neo4j_says(files["neo4j.conf"])


@every_runtime
def test_neo4js_start_script_is_without_a_fault(runtime: str, tmp_path: Path) -> None:
    files = lay_out(service("neo4j", runtime, tmp_path), tmp_path)
    assert call(tool("shellcheck"), "--shell=sh", files["start.sh"]).stdout == ""


@pytest.mark.parametrize("kind", ["chromadb", "mongodb", "neo4j", "qdrant"])
def test_the_question_whether_it_answers_is_a_shell_script_without_a_fault(kind: str, tmp_path: Path) -> None:
    argv = service(kind, "docker", tmp_path).health.argv
    assert argv[:2] == ("bash", "-c")
    (tmp_path / "ask.sh").write_text(argv[2] + "\n")
    assert call(tool("shellcheck"), "--shell=bash", tmp_path / "ask.sh").stdout == ""
