"""The plan: every service described, every cross-check made, before anything is changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from pydantic import ValidationError

from components import external, gpus
from components.catalog import entry_of
from components.config import StackConfig
from components.context import Context, Endpoint
from components.errors import ConfigurationError, Problem
from components.external import External
from components.facts import HostFacts
from components.overrides import with_image
from components.plan_checks import (
    check_budget,
    check_databases,
    check_gpu,
    check_needs,
    check_ports,
    check_routes,
    check_secrets,
)
from components.runtimes.base import Capability, Runtime
from components.spec import Requests, ServiceSpec


@dataclass(frozen=True, kw_only=True)
class DeploymentPlan:
    """What will run, in the order in which it starts."""

    stack: str
    runtime: str
    services: tuple[ServiceSpec, ...]
    memory_host: int
    memory_reserve: int
    cpus_host: float
    advisory: tuple[Capability, ...]
    """Limits that this runtime records and cannot enforce."""
    watched: frozenset[Capability]
    """Those of them that a service is restarted for."""
    external: tuple[External, ...]
    """Services that somebody else runs."""
    remarks: tuple[str, ...]
    """What the plan should tell its reader about the stack as a whole."""

    @property
    def memory_planned(self) -> int:
        """Bytes that all limits together allow."""
        return sum(spec.resources.memory for spec in self.services)

    @property
    def networks(self) -> tuple[str, ...]:
        """Every private network that a service is on."""
        return tuple(sorted({network for spec in self.services for network in spec.networks}))

    def service(self, name: str) -> ServiceSpec:
        """The service called ``name``. Raises ``KeyError``."""
        return {spec.name: spec for spec in self.services}[name]


def _described(
    config: StackConfig,
    runtime: Runtime,
    stack: str,
    cpus: float,
    requests: Mapping[str, Requests],
    others: Mapping[str, Endpoint],
) -> tuple[dict[str, ServiceSpec], list[Problem]]:
    endpoints = {
        name: others.get(name) or runtime.endpoint(name, settings.port)
        for name, settings in config.services.items()
    }
    specs: dict[str, ServiceSpec] = {}
    problems: list[Problem] = []
    for name, settings in config.services.items():
        if name in others:
            continue
        context = Context(
            stack=stack,
            service=name,
            listen=runtime.listen,
            places=runtime.places(name),
            endpoints=endpoints,
            requests=requests,
            resolver=runtime.resolver,
            host_cpus=cpus,
        )
        try:
            spec = entry_of(settings).spec(settings, context)
        except LookupError as error:
            problems.append(Problem(f"hearth:services.{name}", str(error.args[0])))
            continue
        specs[name] = external.led_outside(with_image(spec, config.images), others, requests[name])
    return specs, problems


def _ordered(specs: Mapping[str, ServiceSpec]) -> tuple[list[ServiceSpec], list[Problem]]:
    try:
        order = TopologicalSorter({name: sorted(spec.needs) for name, spec in specs.items()})
        return [specs[name] for name in order.static_order() if name in specs], []
    except CycleError as error:
        circle = " -> ".join(error.args[1])
        return [], [Problem("hearth:services", f"need each other in a circle: {circle}; cut one need")]


def _accepts(config: StackConfig, name: str, memory: int) -> bool:
    """Whether a service's settings allow another memory limit."""
    settings = config.services[name]
    try:
        changed = type(settings).model_validate(settings.model_dump(by_alias=True) | {"memory": memory})
    except ValidationError:
        return False
    return changed.reservation is None or changed.reservation <= memory


def build_plan(config: StackConfig, facts: HostFacts, runtime: Runtime, stack: str) -> DeploymentPlan:
    """Describe every service and check the whole.

    Raises ``ConfigurationError`` with all problems of the budget, ports, needs and circles.
    """
    cpus = facts.cpus if config.host.cpus == "auto" else config.host.cpus
    memory = facts.memory if config.host.memory == "auto" else config.host.memory
    found = {name: external.endpoint(settings) for name, settings in config.services.items()}
    others = {name: where for name, where in found.items() if where}
    requests = {
        name: external.asked(entry_of(settings).requests(settings), external=name in others)
        for name, settings in config.services.items()
    }
    specs, problems = _described(config, runtime, stack, cpus, requests, others)
    problems += external.check(others, requests, runtime.containers)
    problems += runtime.refusals(config, facts, list(specs.values()))
    problems += check_databases(list(specs.values()), requests)
    ordered, circles = _ordered(specs)
    problems += circles
    problems += check_needs(list(specs.values()), others)
    problems += check_routes(requests)
    problems += check_secrets(list(specs.values()), lambda path: facts.digest(path) is not None)
    problems += check_budget(
        list(specs.values()),
        memory,
        config.host.reserve,
        cpus,
        lambda name, size: _accepts(config, name, size),
    )
    # A container on a Mac does not reach its GPU.
    shared_gpu = None if runtime.containers else facts.gpu_memory
    problems += check_gpu(list(specs.values()), config.host.gpu_memory or shared_gpu)
    problems += check_ports(list(specs.values()), facts.busy_ports, shared=not runtime.containers)
    if problems:
        raise ConfigurationError(problems)
    return DeploymentPlan(
        stack=stack,
        runtime=runtime.name,
        services=tuple(ordered),
        memory_host=memory,
        memory_reserve=config.host.reserve,
        cpus_host=cpus,
        advisory=tuple(item for item in Capability if item not in runtime.capabilities),
        watched=runtime.watched,
        external=tuple(
            External(name, where, next(iter(requests[name].probes or ()), None))
            for name, where in others.items()
        ),
        remarks=tuple(gpus.remarks(config.host, facts, ordered, runtime)),
    )
