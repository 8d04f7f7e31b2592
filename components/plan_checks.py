"""The checks that look at all services together."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from math import ceil

from components.errors import Problem
from components.health_settings import HealthSettings
from components.neighbours import Requests
from components.spec import ServiceSpec
from components.units import format_bytes, format_cpus

_LARGEST = 3
MIB = 1024**2


def _smallest_change(largest: Sequence[ServiceSpec], over: int, accepts: Callable[[str, int], bool]) -> str:
    """The largest service that can do with so much less, in whole mebibytes that really fit."""
    count = Counter(spec.declared for spec in largest)
    for spec in largest:
        # All replicas have one limit.
        left = (spec.resources.memory - ceil(over / count[spec.declared])) // MIB * MIB
        if left > 0 and accepts(spec.declared, left):
            taken = format_bytes(spec.resources.memory - left)
            whom = f"each {spec.declared}" if spec.replica_of else spec.name
            return f"take {taken} from {whom} (memory: {left // MIB}MiB), or raise hearth:host.memory"
    return "switch services off by removing their keys, or raise hearth:host.memory"


def check_budget(
    specs: Sequence[ServiceSpec],
    memory: int,
    reserve: int,
    cpus: float,
    accepts: Callable[[str, int], bool],
) -> list[Problem]:
    """Refuse what does not fit the host, naming the largest consumers and the smallest change.

    ``accepts`` says whether a service can do with a memory limit.
    """
    problems = []
    available = memory - reserve
    planned = sum(spec.resources.memory for spec in specs)
    if planned > available:
        largest = sorted(specs, key=lambda spec: -spec.resources.memory)
        names = ", ".join(f"{spec.name} {format_bytes(spec.resources.memory)}" for spec in largest[:_LARGEST])
        over = planned - available
        fix = _smallest_change(largest, over, accepts)
        problems.append(
            Problem(
                "hearth:host.memory",
                f"limits add up to {format_bytes(planned)} and {format_bytes(available)} is there "
                f"({format_bytes(memory)} less {format_bytes(reserve)} reserve); largest: {names}. "
                f"Smallest change that fits: {fix}",
            )
        )
    for spec in specs:
        if spec.resources.cpus is not None and spec.resources.cpus > cpus:
            problems.append(
                Problem(
                    f"hearth:services.{spec.declared}.cpus",
                    f"{format_cpus(spec.resources.cpus)} is more than the host's "
                    f"{format_cpus(cpus)}; write {format_cpus(cpus)} or less",
                )
            )
        reservation = spec.resources.reservation
        if reservation is not None and reservation > spec.resources.memory:
            problems.append(
                Problem(
                    f"hearth:services.{spec.declared}.reservation",
                    f"{format_bytes(reservation)} is more than the limit "
                    f"{format_bytes(spec.resources.memory)}; lower it",
                )
            )
    return problems


def check_gpu(specs: Sequence[ServiceSpec], available: int | None) -> list[Problem]:
    """Refuse models that together do not fit the GPU (or the part of memory a Mac's may use)."""
    wanted = {spec.name: spec.resources.gpu_memory for spec in specs if spec.resources.gpu_memory}
    over = sum(wanted.values()) - (available or 0)
    if available is None or over <= 0:
        return []
    names = ", ".join(f"{name} {format_bytes(size)}" for name, size in wanted.items())
    return [
        Problem(
            "hearth:host.gpu-memory",
            f"models need {format_bytes(sum(wanted.values()))} ({names}) and "
            f"{format_bytes(available)} is there; save {format_bytes(over)} by smaller models, or "
            "by a lower max-loaded, parallel or context-length",
        )
    ]


def check_databases(specs: Sequence[ServiceSpec], requests: Mapping[str, Requests]) -> list[Problem]:
    """Refuse a service that asks for a database, of rows or of documents, where none is served."""
    rows = any(spec.serves_databases for spec in specs)
    documents = any(spec.serves_documents for spec in specs)
    return [
        Problem(f"hearth:services.{name}", f"needs a database{kind} and no service of the stack serves any")
        for name, asked in requests.items()
        for kind, lacking in (
            ("", asked.databases and not rows),
            (" of documents", asked.documents and not documents),
        )
        if lacking
    ]


def check_archives(specs: Sequence[ServiceSpec], *, backups: bool) -> list[Problem]:
    """Refuse an archive of changes that nothing adds whole copies to, and nothing ever thins out."""
    return [
        Problem(
            f"hearth:services.{spec.declared}.point-in-time",
            "needs hearth:backup, which adds the whole copies that a moment is reached from; "
            "write hearth:backup: {}, or take point-in-time away",
        )
        for spec in specs
        if spec.backup and spec.backup.archive and not backups
    ]


def check_owners(specs: Sequence[ServiceSpec], requests: Mapping[str, Requests]) -> list[Problem]:
    """Refuse two services in one database of one server, where one of them must have it alone."""
    servers = [spec.name for spec in specs if spec.serves_databases]
    needs = {spec.name: spec.needs for spec in specs}
    declared = {spec.name: spec.declared for spec in specs}

    def found_in(name: str | None) -> str | None:
        """The server itself, where ``name`` is one that stands before it."""
        behind = [name, *needs.get(name or "", ())]
        return next((one for one in behind if one in servers), next(iter(servers), None))

    asked: dict[tuple[str, str | None], dict[str, bool]] = defaultdict(dict)
    for service, wishes in requests.items():
        # What a server declares itself is there for whoever is to use it.
        for base in wishes.databases if service in declared and service not in servers else ():
            asked[base.name, found_in(base.server)][declared[service]] = base.alone
    return [
        Problem(
            f"hearth:services.{later}",
            f"asks for the database {name} in {server}, which {first} asks for as well, and one of them must "
            "have it alone; give one of them another name for its database",
        )
        for (name, server), owners in asked.items()
        for first, later in zip(owners, [*owners][1:], strict=False)
        if any(owners.values())
    ]


def check_needs(specs: Sequence[ServiceSpec], declared: Collection[str]) -> list[Problem]:
    """Refuse a service whose neighbour is not declared; one that cannot be described is told of elsewhere."""
    there = {*declared, *(spec.name for spec in specs)}
    return [
        Problem(
            f"hearth:services.{spec.declared}", f"needs {name}, which is not in hearth:services; add it there"
        )
        for spec in specs
        for name in spec.needs
        if name not in there
    ]


def check_runnable(specs: Sequence[ServiceSpec], *, containers: bool) -> list[Problem]:
    """Refuse an image where there are no containers, and a program in a container without an image."""
    found = {}
    for spec in specs:
        if containers and spec.image is None:
            found[spec.declared] = (
                "needs an image that has its programs; name one under "
                f"hearth:images.{spec.declared}, or choose a runtime without containers"
            )
        elif not containers and spec.package is None:
            found[spec.declared] = (
                f"{spec.description} runs in containers only; "
                "set hearth:runtime: docker, or remove the service"
            )
    return [Problem(f"hearth:services.{name}", message) for name, message in found.items()]


def check_secrets(specs: Sequence[ServiceSpec], readable: Callable[[str], bool]) -> list[Problem]:
    """Refuse a secret that the owner was to give and that is not there."""
    return [
        Problem(
            f"hearth:services.{spec.declared}",
            f"needs the file {ref.source}, which cannot be read here; correct the path, or who may read it",
        )
        for spec in specs
        for ref in spec.secrets
        if ref.source is not None and not readable(ref.source)
    ]


def alerts_taker(specs: Sequence[ServiceSpec], requests: Mapping[str, Requests], shared: bool) -> str | None:
    """Address on this host of who takes alerts; none where nobody does, or only for other containers."""
    return next(
        (
            port.authority
            for spec in specs
            if "alerts" in requests[spec.name].offers
            for port in spec.ports[:1]
            if shared or port.publish
        ),
        None,
    )


def check_alerts(health: HealthSettings | None, taker: str | None) -> list[Problem]:
    """Refuse alerts that nobody would get."""
    if health is None or not health.alert.alertmanager or taker:
        return []
    wrong = "nobody takes alerts at an address of this host; add an alertmanager, published where it is in a "
    return [Problem("hearth:health.alert.alertmanager", f"{wrong}container, or leave this out")]


def check_routes(requests: Mapping[str, Requests], declared: Callable[[str], str]) -> list[Problem]:
    """Refuse two services on one path of the front door; replicas of one share theirs."""
    owners: dict[str, list[str]] = defaultdict(list)
    for name, asked in requests.items():
        for route in asked.routes:
            if declared(name) not in owners[route.prefix]:
                owners[route.prefix].append(declared(name))
    return [
        Problem(f"hearth:services.{names[-1]}", f"publishes {prefix} as {names[0]} does; keep one of them")
        for prefix, names in owners.items()
        if len(names) > 1
    ]


def host_ports(specs: Sequence[ServiceSpec], shared: bool) -> list[tuple[str, int]]:
    """(service, port) for each port taken on the host; all of them where the host is shared."""
    return [(spec.name, port.number) for spec in specs for port in spec.ports if shared or port.publish]


def check_ports(specs: Sequence[ServiceSpec], busy: Mapping[int, str], shared: bool) -> list[Problem]:
    """Refuse two services on one host port, and a port that somebody else listens on."""
    declared = {spec.name: spec.declared for spec in specs}
    taken: dict[int, list[str]] = defaultdict(list)
    for service, port in host_ports(specs, shared):
        taken[port].append(service)
    problems = [
        Problem(
            f"hearth:services.{declared[names[-1]]}.port",
            f"{port} is taken by {names[0]} as well; give {declared[names[-1]]} another port",
        )
        for port, names in taken.items()
        if len(names) > 1
    ]
    problems += [
        Problem(
            f"hearth:services.{declared[names[0]]}.port",
            f"{port} is listened on by {busy[port]}; stop that, or give {declared[names[0]]} another port",
        )
        for port, names in taken.items()
        if port in busy
    ]
    return problems


def check_formats(specs: Sequence[ServiceSpec], known: Mapping[str, Collection[str]]) -> list[Problem]:
    """Refuse programs that cannot read the data there is: that is moved by an upgrade, or not at all."""
    return [
        Problem(
            f"hearth:services.{spec.declared}",
            f"its data is of {spec.type} {', '.join(sorted(known[spec.name]))}, which programs of "
            f"{spec.format.version} cannot read: move it with `./hearth upgrade {spec.declared}`, or ask for "
            "that version again",
        )
        for spec in specs
        if spec.format and spec.name in known and spec.format.version not in known[spec.name]
    ]
