"""PgBouncer and Neo4j read what is rendered for them; Qdrant's and MongoDB's keys are those that are documented."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from support.rendered import lay_out
from support.stacks import plan, values
from support.tools import call, tool

from components.spec import ServiceSpec

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
