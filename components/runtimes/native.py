"""Services as processes of the host, under supervisord, systemd or launchd.

One command resource a service applies one document: files, unit, health, tasks. The document is
the same for all; only the unit differs, which ``UnitRenderer`` writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import pulumi

from components.commands import call, command, document
from components.config import StackConfig
from components.context import Endpoint, Figures, Logs, Places, Processes
from components.errors import Problem
from components.facts import HostFacts
from components.runtimes.base import FIGURES, PAGE, Capability, Stack, UnwritableError
from components.schedules import Keeper, kept
from components.secrets import SecretStore
from components.spec import HostMount, Package, ServiceSpec

LOOPBACK = "127.0.0.1"
# Who is in it may read what every service logs. No account is called so: theirs have no underscore.
LOG_GROUP = "hearth_logs"
_NAME = "[a-z][a-z0-9-]*"


def _places(base: str) -> Places:
    names = ("config", "secrets", "data", "run", "source", "archive")
    return Places(**{name: f"{base}/{name}" for name in names})


@dataclass(frozen=True, kw_only=True)
class NativeService:
    """A service with everything resolved to paths of this host."""

    spec: ServiceSpec
    stack: Stack
    account: str | None

    @property
    def directory(self) -> str:
        """Everything that belongs to the service."""
        return f"{self.stack.root}/{self.spec.name}"

    @property
    def package(self) -> Package:
        """Where its programs come from. A plan without containers has refused a service that has none."""
        assert self.spec.package is not None
        return self.spec.package

    @property
    def search_path(self) -> str:
        """``PATH`` of the process: the stack's own programs first."""
        return f"{self.stack.root}/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"

    @property
    def places(self) -> Places:
        """Its directories."""
        return _places(self.directory)

    @property
    def argv(self) -> list[str]:
        """Command line with the full path of its program."""
        program, *rest = self.spec.process.argv
        own = program in self.package.programs
        return [f"{self.stack.root}/bin/{program}" if own else f"/bin/{program}", *rest]

    def command_line(self, keeper: Keeper) -> list[str]:
        """``argv``, or what runs it at its times where it has a schedule."""
        return kept(self.argv, self.places, keeper) if self.spec.schedule else self.argv

    @property
    def environment(self) -> dict[str, str]:
        """Environment of the process. Never holds a secret."""
        return {"PATH": self.search_path, "LANG": "C.UTF-8", **self.spec.process.env}


class UnitRenderer(Protocol):
    """Writes the unit of one process supervisor."""

    name: str
    capabilities: frozenset[Capability]
    watched: frozenset[Capability]
    remarks: tuple[str, ...]
    scope: str

    def path(self, service: NativeService) -> str:
        """Where the unit lies."""

    def render(self, service: NativeService) -> str:
        """The unit's text."""

    def beside(self, service: NativeService) -> dict[str, str]:
        """Path to text of what the manager reads beside the unit."""

    def logs(self, stack: Stack) -> Logs:
        """Where what the services write to their standard output is read."""

    def prepare(self, stack: Stack, parent: pulumi.Resource) -> list[pulumi.Resource]:
        """What must run before any unit."""


def log_files(stack: Stack) -> Logs:
    """Each service's own directory of logs; without what a supervisor has rotated away."""
    return Logs(
        files=f"{stack.root}/*/log/*.log", service=f"^{_literal(stack.root)}/(?P<service>{_NAME})/log/"
    )


def _literal(path: str) -> str:
    # Of what a path of a stack may have in it, only this is special in Go's regular expressions.
    return path.replace(".", "[.]")


def apply_document(service: NativeService, units: UnitRenderer) -> dict[str, Any]:
    """What ``host apply`` makes true, but for the secret files. Pure."""
    spec, directory, locked = service.spec, service.directory, service.package.locked
    health = asdict(spec.health)
    return {
        "root": service.stack.root,
        "stack": service.stack.name,
        "service": spec.name,
        "runtime": units.name,
        "scope": units.scope,
        "account": service.account,
        "directories": [
            # What the process may write; the rest belongs to whoever deploys.
            *({"path": f"{directory}/{name}", "mode": "0700"} for name in ("data", "run")),
            *({"path": v.path, "mode": "0700"} for v in spec.volumes if v.path == service.places.archive),
            {"path": f"{directory}/log", "mode": "0750", "group": LOG_GROUP}
            if service.stack.accounts
            else {"path": f"{directory}/log", "mode": "0700"},
            # Filled by whoever deploys.
            *({"path": path, "mode": "0755", "shared": True} for path in spec.reads),
        ],
        "groups": [LOG_GROUP] if service.stack.accounts and spec.security.reads_logs else [],
        "files": [
            {
                "path": file.path,
                "content": file.content,
                "mode": "0550" if file.executable else "0440",
            }
            for file in spec.files
            if not file.secrets
        ]
        + [
            {"path": path, "content": text, "mode": "0444"}
            for path, text in sorted(units.beside(service).items())
        ],
        "check": list(spec.check),
        "unit": {"path": units.path(service), "content": units.render(service)},
        "environment_path": service.search_path,
        "env": service.environment,
        # What runs at set times is well while somebody keeps them.
        "health": {}
        if spec.schedule
        else {key: value for key, value in health.items() if value not in ((), None)},
        "tasks": [asdict(task) for task in spec.tasks],
        **({"live_secrets": True} if spec.live_secrets else {}),
        "memory": spec.resources.memory,
        **({"reservation": spec.resources.reservation} if spec.resources.reservation else {}),
        "ports": [port.number for port in spec.ports],
        # Other programs are a reason to start again, though nothing else has changed.
        **({"package": {"name": spec.declared, "versions": dict(locked.versions)}} if locked else {}),
    }


class NativeRuntime:
    """Runs every service as a process of this host; each answers on loopback."""

    listen = LOOPBACK
    resolver: str | None = None
    containers = False
    engine: tuple[HostMount, ...] = ()
    plain_containers = False

    def __init__(self, stack: Stack, units: UnitRenderer) -> None:
        self.stack = stack
        self.units = units
        self.name = units.name
        self.scope = units.scope
        self.capabilities = units.capabilities
        self.watched = units.watched
        self.remarks = units.remarks

    def places(self, service: str) -> Places:
        """Directories below the stack's root."""
        return _places(f"{self.stack.root}/{service}")

    def endpoint(self, service: str, port: int) -> Endpoint:
        """Loopback, whatever the service."""
        return Endpoint(LOOPBACK, port)

    def data(self, service: str, volume: str = "data") -> tuple[str, str]:
        """Its directory."""
        return "--data", getattr(self.places(service), volume)

    def service(self, spec: ServiceSpec) -> NativeService:
        """``spec`` on this host."""
        account = f"hearth-{spec.name}" if self.stack.accounts else self.stack.account
        return NativeService(spec=spec, stack=self.stack, account=account)

    @property
    def logs(self) -> Logs:
        """Where the supervisor puts what they write."""
        return self.units.logs(self.stack)

    @property
    def figures(self) -> Figures:
        """Below the stack's root."""
        return Figures(directory=f"{self.stack.root}/{FIGURES}")

    @property
    def page(self) -> Figures:
        """Below the stack's root."""
        return Figures(directory=f"{self.stack.root}/{PAGE}")

    @property
    def processes(self) -> Processes:
        """By the service's directory in their command lines, else by their program."""
        root = _literal(self.stack.root)
        own = f"{root}/(?P<service>{_NAME})/(config|secrets|data|run)\\b"
        return Processes(patterns=(own, f"{root}/bin/(?P<service>[^ ]+)"))

    def refusals(self, config: StackConfig, facts: HostFacts, specs: Sequence[ServiceSpec]) -> list[Problem]:
        """Words and variables of an owner's program that the manager cannot be given."""
        found = {}
        for spec in specs:
            try:
                if spec.package is not None:
                    self.units.render(self.service(spec))
            except UnwritableError as error:
                found[spec.declared] = f"{error}; write it otherwise, or choose another runtime"
        return [Problem(f"hearth:services.{name}", message) for name, message in found.items()]

    def prepare(self, parent: pulumi.Resource, networks: Sequence[str]) -> list[pulumi.Resource]:
        """The supervisor, where the host has none of its own."""
        return self.units.prepare(self.stack, parent)

    def _source(self, service: NativeService, parent: pulumi.Resource) -> pulumi.Resource:
        """The owner's directory, as the service's account reads it."""
        source = service.spec.source
        assert source is not None
        return command(
            f"{service.spec.name}-source",
            parent=parent,
            create=call("source"),
            stdin=document({**asdict(source), "home": service.directory, "account": service.account}),
        )

    def realise(
        self,
        spec: ServiceSpec,
        parent: pulumi.Resource,
        secrets: SecretStore,
        after: Sequence[pulumi.Resource],
    ) -> pulumi.Resource:
        """Programs, secret files, then the service itself, which answers when this is created."""
        service = self.service(spec)
        assert spec.package is not None
        copied = [self._source(service, parent)] if spec.source else []
        package = command(
            f"{spec.name}-package",
            parent=parent,
            create=call("package"),
            stdin=document({"root": self.stack.root, "name": spec.declared, **service.package.as_data()}),
            # What a directory requires is written in it.
            after=copied,
        )
        values = apply_document(service, self.units)
        needed = [*copied, package, *after]
        secret_files = [file for file in spec.files if file.secrets]
        generation: pulumi.Output[str] | None = None
        if secret_files:
            delivered = command(
                f"{spec.name}-secrets",
                parent=parent,
                create=call("secret-files"),
                stdin=secrets.contents(secret_files).apply(
                    lambda contents: document(
                        {
                            "directory": f"{service.directory}/secrets",
                            "account": service.account,
                            "files": [
                                {"path": path, "content": text, "mode": "0400"}
                                for path, text in sorted(contents.items())
                            ],
                        }
                    )
                ),
                # What a neighbour does not accept yet is in no file that a start may read.
                after=after,
                secret=True,
            )
            # Says only that something changed, so it may be seen; the contents may not.
            generation = pulumi.Output.unsecret(delivered.stdout).apply(str.strip)
            needed.append(delivered)
        remove = call("remove", self.stack.root, self.name, spec.name, "--scope", self.units.scope)
        return command(
            spec.name,
            parent=parent,
            create=call("apply"),
            delete=remove,
            stdin=document(values),
            generation=generation,
            after=needed,
        )
