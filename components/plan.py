"""The plan: every service described, every cross-check made, before anything is changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from graphlib import CycleError, TopologicalSorter

from pydantic import ValidationError

from components import external, gpus
from components import lock as locks
from components.catalog import entry_of
from components.config import StackConfig
from components.context import Context, Endpoint
from components.errors import ConfigurationError, Problem
from components.external import External
from components.facts import HostFacts
from components.lock import Lock
from components.neighbours import Client, Database, Requests
from components.overrides import with_image
from components.plan_checks import (
    alerts_taker,
    check_alerts,
    check_archives,
    check_budget,
    check_databases,
    check_gpu,
    check_needs,
    check_owners,
    check_ports,
    check_routes,
    check_runnable,
    check_secrets,
)
from components.replicas import Instance, expanded
from components.runtimes.base import Capability, Runtime
from components.schedules import with_keeper
from components.spec import ServiceSpec


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
    routes: tuple[tuple[str, str], ...] = ()
    """Service and path of everything that the front door leads to."""
    alerts_to: str | None = None
    """Where on this host alerts are taken, if anywhere."""
    remarks: tuple[str, ...]
    """What the plan should tell its reader about the stack as a whole."""

    @property
    def memory_planned(self) -> int:
        """Bytes that all limits together allow."""
        return sum(spec.resources.memory for spec in self.services)

    @property
    def memory_monitoring(self) -> int:
        """Bytes that the limits of those allow who watch the others."""
        return sum(spec.resources.memory for spec in self.services if "monitoring" in spec.networks)

    @property
    def networks(self) -> tuple[str, ...]:
        """Every private network that a service is on."""
        return tuple(sorted({network for spec in self.services for network in spec.networks}))

    def service(self, name: str) -> ServiceSpec:
        """The service called ``name``. Raises ``KeyError``."""
        return {spec.name: spec for spec in self.services}[name]


def _clients(
    instances: Mapping[str, Instance], endpoints: Mapping[str, Endpoint]
) -> dict[str, Callable[[Database | None], Client]]:
    found = {}
    for name, instance in instances.items():
        client = entry_of(instance.settings).client
        if client is not None and name in endpoints:
            found[name] = partial(client, instance.settings, name, endpoints[name])
    return found


def _described(
    config: StackConfig,
    instances: Mapping[str, Instance],
    runtime: Runtime,
    stack: str,
    facts: HostFacts,
    cpus: float,
    requests: Mapping[str, Requests],
    others: Mapping[str, Endpoint],
) -> tuple[dict[str, ServiceSpec], list[Problem]]:
    # Of a service with replicas: how any one of them is reached.
    all_ports = {name: settings.port for name, settings in config.services.items()} | {
        name: instance.settings.port for name, instance in instances.items()
    }
    endpoints = {
        name: runtime.endpoint(name, port) for name, port in all_ports.items() if port is not None
    } | dict(others)
    replicas: dict[str, list[str]] = {}
    for name, instance in instances.items():
        replicas.setdefault(instance.declared, []).append(name)
    specs: dict[str, ServiceSpec] = {}
    problems: list[Problem] = []
    for name, instance in instances.items():
        if name in others:
            continue
        context = Context(
            stack=stack,
            service=name,
            listen=runtime.listen,
            places=runtime.places(name),
            endpoints=endpoints,
            requests=requests,
            kinds={name: entry_of(one.settings).name for name, one in instances.items()},
            replica_of={name: one.declared for name, one in instances.items() if one.declared != name},
            logs=runtime.logs,
            processes=runtime.processes,
            figures=runtime.figures,
            page=runtime.page,
            clients=_clients(instances, endpoints),
            digest=facts.digest,
            engine=runtime.engine,
            renewed=facts.renewed,
            resolver=runtime.resolver,
            host_cpus=cpus,
        )
        try:
            spec = entry_of(instance.settings).spec(instance.settings, context)
        except LookupError as error:
            problems.append(Problem(f"hearth:services.{instance.declared}", str(error.args[0])))
            continue
        spec = replace(
            spec,
            # The same for every kind of service, so that none has to hand it on.
            resources=replace(spec.resources, cpu_weight=instance.settings.cpu_weight),
            replica_of=context.replica_of.get(name),
            needs=tuple(one for need in spec.needs for one in replicas.get(need, [need])),
        )
        spec = with_image(with_keeper(spec, context.places), config.images)
        specs[name] = external.led_outside(spec, others, requests[name])
    return specs, problems


def _ordered(specs: Mapping[str, ServiceSpec]) -> tuple[list[ServiceSpec], list[Problem]]:
    try:
        order = TopologicalSorter({name: sorted(spec.needs) for name, spec in specs.items()})
        return [specs[name] for name in order.static_order() if name in specs], []
    except CycleError as error:
        circle = " -> ".join(error.args[1])
        return [], [Problem("hearth:services", f"need each other in a circle: {circle}; cut one need")]


def _advisory(runtime: Runtime, specs: Sequence[ServiceSpec]) -> tuple[Capability, ...]:
    """What is asked for and cannot be enforced; of shares of the CPU only where somebody sets one."""
    weighed = any(spec.resources.cpu_weight is not None for spec in specs)
    return tuple(
        item
        for item in Capability
        if item not in runtime.capabilities and (weighed or item is not Capability.CPU_WEIGHT)
    )


def _accepts(config: StackConfig, name: str, memory: int) -> bool:
    """Whether a service's settings allow another memory limit."""
    settings = config.services[name]
    try:
        changed = type(settings).model_validate(settings.model_dump(by_alias=True) | {"memory": memory})
    except ValidationError:
        return False
    return changed.reservation is None or changed.reservation <= memory


def build_plan(
    config: StackConfig, facts: HostFacts, runtime: Runtime, stack: str, lock: Lock | None = None
) -> DeploymentPlan:
    """Describe every service and check the whole. What ``lock`` holds is deployed by exactly that version.

    Raises ``ConfigurationError`` with all problems of the budget, ports, needs and circles.
    """
    plan, problems = draft_plan(config, facts, runtime, stack, lock)
    if problems:
        raise ConfigurationError(problems)
    return plan


def draft_plan(
    config: StackConfig, facts: HostFacts, runtime: Runtime, stack: str, lock: Lock | None = None
) -> tuple[DeploymentPlan, list[Problem]]:
    """What could be described of the services, and everything that is refused; to look at, not to deploy."""
    cpus = facts.cpus if config.host.cpus == "auto" else config.host.cpus
    memory = facts.memory if config.host.memory == "auto" else config.host.memory
    instances, problems = expanded(config.services, shared=not runtime.containers)
    ends = {name: external.endpoint(one.settings) for name, one in instances.items()}
    others = {name: where for name, where in ends.items() if where}
    requests = {
        name: external.asked(entry_of(one.settings).requests(one.settings), external=name in others)
        for name, one in instances.items()
    }
    specs, found = _described(config, instances, runtime, stack, facts, cpus, requests, others)
    problems += found
    problems += external.check(others, requests, runtime.containers)
    if lock:
        problems += locks.check(specs.values(), lock, locks.file_name(stack), containers=runtime.containers)
        specs = {
            name: locks.locked(spec, lock, containers=runtime.containers) for name, spec in specs.items()
        }
    problems += runtime.refusals(config, facts, list(specs.values()))
    # Of one that could not be described more would be said twice.
    problems += check_databases(
        list(specs.values()), {name: asked for name, asked in requests.items() if name in specs}
    )
    ordered, circles = _ordered(specs)
    problems += circles
    problems += check_archives(list(specs.values()), backups=config.backup is not None)
    problems += check_owners(list(specs.values()), requests)
    problems += check_needs(list(specs.values()), instances)
    problems += check_routes(requests, lambda name: instances[name].declared)
    problems += check_runnable(list(specs.values()), containers=runtime.containers)
    problems += check_secrets(list(specs.values()), lambda path: facts.digest(path) is not None)
    problems += check_budget(
        list(specs.values()),
        memory,
        config.host.reserve,
        cpus,
        lambda name, size: _accepts(config, name, size),
    )
    taker = alerts_taker(list(specs.values()), requests, shared=not runtime.containers)
    problems += check_alerts(config.health, taker)
    # A container on a Mac does not reach its GPU.
    shared_gpu = None if runtime.containers else facts.gpu_memory
    problems += check_gpu(list(specs.values()), config.host.gpu_memory or shared_gpu)
    problems += check_ports(list(specs.values()), facts.busy_ports, shared=not runtime.containers)
    plan = DeploymentPlan(
        stack=stack,
        runtime=runtime.name,
        services=tuple(ordered or specs.values()),
        memory_host=memory,
        memory_reserve=config.host.reserve,
        cpus_host=cpus,
        advisory=_advisory(runtime, ordered),
        watched=runtime.watched,
        external=tuple(
            External(name, where, next(iter(requests[name].probes or ()), None))
            for name, where in others.items()
        ),
        routes=tuple(
            (instances[name].declared, route.prefix) for name, one in requests.items() for route in one.routes
        ),
        alerts_to=taker,
        remarks=(*gpus.remarks(config.host, facts, ordered, runtime), *runtime.remarks),
    )
    # Replicas have theirs in common.
    return plan, list(dict.fromkeys(problems))
