"""What every shipper of logs has in common: who it may read, where it ships to, and what it may see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from components.context import Context
from components.questions import accepts
from components.rendering import render
from components.settings import ServiceSettings
from components.spec import (
    ConfigFile,
    HealthCheck,
    Image,
    Package,
    Port,
    Process,
    Resources,
    Security,
    ServiceSpec,
    Volume,
)


@dataclass(frozen=True, kw_only=True)
class Shipper:
    """One kind of shipper. ``file`` is its configuration, made from ``templates/<kind>/<file>.j2``."""

    kind: str
    description: str
    image: Image
    package: Package
    uid: int
    """Its account in a container, where it reads nothing that is root's alone."""
    file: str
    ready: str
    """Path that answers a GET while it is well."""
    argv: tuple[str, ...]
    check: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def spec(self, settings: ServiceSettings, context: Context) -> ServiceSpec:
        """One of it for all services of the stack.

        Raises ``LookupError`` when nobody in the stack takes logs.
        """
        logs, store = context.logs, context.taker("logs")
        assert settings.port is not None
        content = render(
            f"{self.kind}/{self.file}.j2",
            settings=settings,
            context=context,
            logs=logs,
            target=context.endpoint(store),
        )
        return ServiceSpec(
            name=context.service,
            type=self.kind,
            description=self.description,
            image=self.image,
            package=self.package,
            process=Process(argv=self.argv, env=self.env),
            resources=Resources(memory=settings.memory, reservation=settings.reservation, cpus=settings.cpus),
            health=HealthCheck(
                http=f"http://127.0.0.1:{settings.port}{self.ready}",
                # The images have no client to ask with, and a shell that opens connections.
                argv=accepts(settings.port),
            ),
            security=Security(
                # Docker's files are root's alone, so that in a container only root reads them: it has no
                # capability there, and sees nothing else of the host.
                uid=0 if logs.mounts else self.uid,
                host_mounts=logs.mounts,
                reads_logs=True,
            ),
            networks=("monitoring",),
            ports=(Port(name="http", number=settings.port, publish=settings.publish),),
            volumes=(Volume(name="data", path=context.places.data),),
            files=(ConfigFile(path=context.path(self.file), content=content),),
            needs=(store,),
            check=self.check,
            notes=self.notes,
        )
