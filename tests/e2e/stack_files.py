"""The project's own stack files, changed only in what the machine of the tests forces.

Ports are unusual ones, and what cannot be had from package registries is left out: both are told from the
catalogue, not listed.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
from support.stacks import GIB, facts, plan, stack_file

from components.config import load_stack_config
from components.settings import Replicated
from components.spec import Package, ServiceSpec

# Gigabytes of PyPI and npm, which `make test-large` installs and runs.
LARGE = frozenset({"flowise", "langflow", "n8n", "n8n-worker"})
# The host that docs/plans shows: what is planned here is what is shown there.
HOST = facts(memory=32 * GIB, cpus=16.0)


def native(
    name: str, first_port: int, *, runtime: Mapping[str, Any] | None = None, programs: Path | None = None
) -> dict[str, Any]:
    """The stack ``name`` without containers, its ports counted up from ``first_port``.

    ``runtime`` replaces what says where it runs, ``programs`` is a directory of stand-ins.
    """
    whole = stack_file(name)
    found = {**whole, **(runtime or {})}
    found["host"] = {**whole["host"], "memory": "32GiB"}
    found.pop("images", None)
    absent = {spec.declared for spec in planned(whole).services if not _to_be_had(spec, programs)}
    found["services"] = {key: value for key, value in whole["services"].items() if key not in absent}
    return with_ports(found, first_port)


def planned(config: Mapping[str, Any]) -> Any:
    """The plan on a host that is large enough."""
    return plan(dict(config), HOST)


def _to_be_had(spec: ServiceSpec, programs: Path | None) -> bool:
    package = spec.package
    if package is None or spec.type in LARGE:
        return False
    stood_in = programs is not None and all((programs / name).exists() for name in package.programs)
    return stood_in or _from_registries(package)


def _from_registries(package: Package) -> bool:
    """What a vendor alone has in a release of its own is out of reach."""
    return not package.installer or bool(
        package.go or package.cmake or package.pypi or package.venv or package.npm
    )


def with_ports(config: Mapping[str, Any], first: int) -> dict[str, Any]:
    """Every port that a service of the stack listens on, counted up from ``first``."""
    changed = copy.deepcopy(dict(config))
    for name, settings in load_stack_config(config).services.items():
        for field, described in type(settings).model_fields.items():
            if field.rpartition("_")[2] == "port" and getattr(settings, field) is not None:
                changed["services"][name][described.alias or field] = first
                first += settings.replicas if isinstance(settings, Replicated) else 1
    return changed


def port(config: Mapping[str, Any], service: str, key: str = "port") -> int:
    """A port of a service as written."""
    return config["services"][service][key]


class Watched:
    """What Prometheus and Alertmanager of a stack say; ``prometheus`` and ``alertmanager`` are URLs."""

    def __init__(self, prometheus: str, alertmanager: str) -> None:
        self.prometheus, self.alertmanager = prometheus, alertmanager

    def jobs(self) -> set[str]:
        """Every job that it is to scrape."""
        return {job for job, _ in self._targets()}

    def down(self) -> set[tuple[str, str]]:
        """Job and instance of each target that is not ``up``, or was never asked."""
        up = {(labels["job"], labels["instance"]) for labels, value in self.series("up") if value == 1}
        return self._targets() - up

    def _targets(self) -> set[tuple[str, str]]:
        found = httpx.get(f"{self.prometheus}/api/v1/targets").json()["data"]["activeTargets"]
        assert found
        return {(row["labels"]["job"], row["labels"]["instance"]) for row in found}

    def series(self, query: str) -> list[tuple[dict[str, str], float]]:
        """Labels and value of each series."""
        answer = httpx.get(f"{self.prometheus}/api/v1/query", params={"query": query}).json()
        assert answer["status"] == "success", answer
        return [(found["metric"], float(found["value"][1])) for found in answer["data"]["result"]]

    def alerts(self, service: str) -> set[str]:
        """Names of the alerts about a service that Alertmanager shows."""
        shown = httpx.get(f"{self.alertmanager}/api/v2/alerts", params={"active": "true"}).json()
        return {one["labels"]["alertname"] for one in shown if one["labels"].get("service") == service}
