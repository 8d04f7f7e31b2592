"""The platform: services, planned together and made real in the order of their needs."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Any, ClassVar

import pulumi

from components import backup, deployments, watching
from components.catalog import entry_of
from components.commands import call, command, document
from components.config import StackConfig
from components.deployments import Declared
from components.errors import ConfigurationError
from components.facts import HostFacts
from components.plan import DeploymentPlan, build_plan
from components.plan_checks import check_formats
from components.plan_table import as_data, urls
from components.runtimes import runtime_for
from components.secrets import SecretStore
from components.service import Service


class Platform(pulumi.ComponentResource):
    """A stack of services on one host.

    ``Platform.deploy`` is the whole in one call. As a context manager it takes services that a
    program of one's own declares; leaving the block plans and creates them.
    """

    _open: ClassVar[list[Platform]] = []

    plan: DeploymentPlan | None = None
    """Made when the block is left; before it where all services are known beforehand."""
    declared: Declared | None = None

    def __init__(self, name: str, config: StackConfig, facts: HostFacts) -> None:
        super().__init__("hearth:platform:Platform", name, None)
        self.stack_name = name
        self._config = config
        self._facts = facts
        self._services: list[Service] = []
        # What looks at a stack later reads its file.
        self._of_file = False
        self._runtime = runtime_for(config, facts, name)
        self.root = self._runtime.stack.root
        self.secrets = SecretStore(self.root, self, facts.digest, self._runtime.data, facts.renewed)

    @classmethod
    def current(cls) -> Platform:
        """The innermost open platform. Raises ``RuntimeError`` outside of a ``with`` block."""
        if not cls._open:
            raise RuntimeError("services are made inside a 'with Platform(...)' block")
        return cls._open[-1]

    @classmethod
    def deploy(
        cls, name: str, config: StackConfig, facts: HostFacts, declared: Declared | None = None
    ) -> Platform:
        """Every service that ``config`` names. What cannot work is refused before any resource.

        With ``declared``, what ``config`` was read from, its lock holds and the deployment is recorded.
        """
        lock = declared.lock if declared else None
        plan = build_plan(config, facts, runtime_for(config, facts, name), name, lock)
        # Not for the plan: an upgrade makes one of where it goes.
        problems = check_formats(plan.services, facts.formats)
        if problems:
            raise ConfigurationError(problems)
        with cls(name, config, facts) as platform:
            platform.plan = plan
            platform._of_file = True
            platform.declared = declared
            for service, settings in config.services.items():
                Service(entry_of(settings).name, service, settings)
        return platform

    def add(self, service: Service) -> None:
        """Take a service into the plan."""
        self._services.append(service)

    def __enter__(self) -> Platform:
        Platform._open.append(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        Platform._open.remove(self)
        if error is None:
            self.plan = self.plan or self._planned()
            self._realise(self.plan)

    def _planned(self) -> DeploymentPlan:
        """The plan of the services that the block has declared."""
        config = self._config.model_copy(
            update={"services": {service.name: service.settings for service in self._services}}
        )
        return build_plan(config, self._facts, self._runtime, self.stack_name)

    def _realise(self, plan: DeploymentPlan) -> None:
        first = [
            *self._runtime.prepare(self, plan.networks),
            *watching.shared_directories(plan, self._runtime, self),
        ]
        if self._config.backup:
            backup.prepare(self._config.backup, self._runtime.stack, self._runtime, self, first)
        ready: dict[str, pulumi.Resource] = {}
        components = {service.name: service for service in self._services}
        replicas: dict[str, list[str]] = {}
        for other in plan.external:
            asked = command(
                f"{other.name}-answers",
                parent=components[other.name],
                create=call("answers"),
                stdin=document(other.question),
            )
            ready[other.name] = asked
        for spec in plan.services:
            after: Sequence[pulumi.Resource] = [*first, *(ready[name] for name in spec.needs)]
            # One after the other: what asks any of them is answered by the rest meanwhile.
            after = [*after, *(ready[name] for name in replicas.get(spec.declared, []) if spec.ports)]
            replicas.setdefault(spec.declared, []).append(spec.name)
            ready[spec.name] = self._runtime.realise(spec, components[spec.declared], self.secrets, after)
        others = {other.name: other.endpoint for other in plan.external}
        for name, component in components.items():
            port = component.settings.port
            own = None if port is None else self._runtime.endpoint(name, port)
            endpoint = others.get(name, own)
            gates = [ready[spec.name] for spec in plan.services if spec.declared == name]
            gates += [ready[name]] if name in others else []
            component.realised(endpoint, [getattr(gate, "stdout", None) for gate in gates])
        if self._of_file:
            watching.prepare(self._config.health, plan, self._runtime, self, list(ready.values()))
        if self.declared:
            deployments.record(self.declared, plan, self.root, self, list(ready.values()))
        self.register_outputs(self.outputs())

    def outputs(self) -> dict[str, Any]:
        """The plan, and the addresses that are reachable from the host. Empty before there is a plan."""
        if self.plan is None:
            return {}
        return {"plan": as_data(self.plan), "data": self.root, "urls": urls(self.plan)}
