"""The plan as text and as plain data: the same rows for people, for outputs and for tools."""

from __future__ import annotations

from typing import Any

from components.config import CONTAINERS
from components.plan import DeploymentPlan
from components.runtimes.base import Capability
from components.spec import ServiceSpec
from components.units import format_bytes, format_cpus

# What watching may take of what there is.
_MONITORING_PERCENT = 5
_COLUMNS = ("service", "runs as", "memory", "cpus", "ports", "networks", "needs")


def _ports(spec: ServiceSpec, containers: bool) -> str:
    shown = [port.authority if port.publish or not containers else f"({port.number})" for port in spec.ports]
    return " ".join(shown) or "-"


def _program(spec: ServiceSpec, runtime: str) -> str:
    if spec.package is None or runtime in CONTAINERS:
        return spec.image.named if spec.image else "-"
    program = spec.package.programs[0]
    return f"{runtime}: {spec.package.aliases.get(program, program)}"


def urls(plan: DeploymentPlan) -> dict[str, str]:
    """Service to address on the host, where it is open there: its first port, which is its own."""
    shared = plan.runtime not in CONTAINERS
    return {
        spec.name: port.authority
        for spec in plan.services
        for port in reversed(spec.ports)
        if shared or port.publish
    }


def _row(spec: ServiceSpec, runtime: str) -> dict[str, str]:
    containers = runtime in CONTAINERS
    return {
        "service": spec.name,
        "runs as": _program(spec, runtime),
        "memory": format_bytes(spec.resources.memory),
        "cpus": format_cpus(spec.resources.cpus),
        "ports": _ports(spec, containers),
        "networks": " ".join(spec.networks) if containers else "loopback",
        "needs": " ".join(spec.needs) or "-",
    }


def _monitoring_percent(plan: DeploymentPlan) -> float:
    return 100 * plan.memory_monitoring / plan.memory_host


def notes(plan: DeploymentPlan) -> list[str]:
    """What a reader of the plan should know: advisory limits, models of unknown size."""
    found = []
    for item in plan.advisory:
        instead = "what stays above its own is restarted" if item in plan.watched else "recorded only"
        found.append(f"{plan.runtime} cannot enforce {item.value}: {instead}")
    if _monitoring_percent(plan) > _MONITORING_PERCENT:
        found.append(
            f"monitoring may take more than {_MONITORING_PERCENT} % of the host's memory: "
            "lower the memory of those on the network monitoring, or leave some out"
        )
    found += plan.remarks
    found += [f"{other.name}: run by somebody else at {other.endpoint}" for other in plan.external]
    if Capability.MEMORY_LIMIT in plan.watched:
        found += [
            f"{spec.name}: warned of in the watchdog's log above {format_bytes(spec.resources.reservation)}, "
            f"restarted above {format_bytes(spec.resources.memory)}"
            for spec in plan.services
            if spec.resources.reservation
        ]
    return found + [f"{spec.name}: {note}" for spec in plan.services for note in spec.notes]


def as_data(plan: DeploymentPlan) -> dict[str, Any]:
    """Plain values for a stack output or ``--json``."""
    return {
        "stack": plan.stack,
        "runtime": plan.runtime,
        "memory": {
            "host": format_bytes(plan.memory_host),
            "reserve": format_bytes(plan.memory_reserve),
            "planned": format_bytes(plan.memory_planned),
            "monitoring": format_bytes(plan.memory_monitoring),
        },
        "services": [_row(spec, plan.runtime) for spec in plan.services],
        "notes": notes(plan),
    }


def as_text(plan: DeploymentPlan) -> str:
    """A table with a line for the budget and one for each note."""
    rows = [_row(spec, plan.runtime) for spec in plan.services]
    widths = {c: max([len(c), *(len(row[c]) for row in rows)]) for c in _COLUMNS}
    lines = ["  ".join(column.ljust(widths[column]) for column in _COLUMNS)]
    lines += ["  ".join(row[column].ljust(widths[column]) for column in _COLUMNS) for row in rows]
    lines.append(
        f"memory: {format_bytes(plan.memory_planned)} of "
        f"{format_bytes(plan.memory_host - plan.memory_reserve)} planned "
        f"({format_bytes(plan.memory_host)} less {format_bytes(plan.memory_reserve)} reserve)"
    )
    if plan.memory_monitoring:
        lines.append(
            f"monitoring: {format_bytes(plan.memory_monitoring)} of the host's "
            f"{format_bytes(plan.memory_host)}, {_monitoring_percent(plan):.1f} %"
        )
    lines += [f"note: {note}" for note in notes(plan)]
    return "\n".join(line.rstrip() for line in lines)
