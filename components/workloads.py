"""From the keys of an owner's own program to what every service is described by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from components.context import Context
from components.neighbours import Client, Database, Requests, Route
from components.overrides import parse_reference
from components.rendering import render
from components.signals import Probe, Scrape
from components.spec import (
    BackupPolicy,
    ConfigFile,
    HealthCheck,
    Image,
    Package,
    Port,
    Process,
    Resources,
    SecretRef,
    Security,
    ServiceSpec,
    Source,
    Volume,
)
from components.workload_settings import WorkloadSettings

PYTHON_IMAGE = Image(repository="python", tag="3.13.9-slim-bookworm")
LAUNCHER = "start.py"
_GET = "import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=4)"


def requests_of(settings: WorkloadSettings) -> Requests:
    """Its route, its database, and where it can be asked how it is."""
    probe = settings.health.removeprefix("/") if settings.health and not settings.keep_prefix else None
    routes = () if settings.route is None else (
        Route(
            prefix=settings.route,
            strip_prefix=not settings.keep_prefix,
            websocket=settings.websocket,
            probe=probe,
        ),
    )  # fmt: skip
    return Requests(
        routes=routes,
        databases=(Database(name=settings.database),) if settings.database else (),
        scrapes=(Scrape(path=settings.metrics),) if settings.metrics else (),
        probes=(Probe(path=settings.health),) if settings.health else None,
    )


@dataclass(frozen=True, kw_only=True)
class Workload:
    """One program with everything that it is given. ``clients`` are the neighbours that it uses."""

    settings: WorkloadSettings
    context: Context
    clients: Mapping[str, Client]
    source: Source | None
    variables: Mapping[str, tuple[str, Mapping[str, SecretRef]]] = field(repr=False)
    """Variable to a text with ``@@key@@``, and the secrets that it is made with."""

    @property
    def python(self) -> str:
        """Name of the Python of the directory; programs are linked side by side, so it is its own.

        Replicas share it.
        """
        return _own(self.context, "python")

    def script(self, *words: str) -> tuple[str, ...]:
        """A command line that runs a script or, after ``-m``, a module in the directory, secrets set."""
        return (self.python, self.context.path(LAUNCHER), *words)

    @property
    def files(self) -> tuple[ConfigFile, ...]:
        """A file for each secret, and for Python the launcher."""
        kept = tuple(
            ConfigFile(path=self.context.secret_path(name), content=content, secrets=secrets)
            for name, (content, secrets) in self.variables.items()
        )
        if self.source is None:
            return kept
        text = render(
            "workload/start.py.j2",
            context=self.context,
            source=self.source,
            variables=sorted(self.variables),
        )
        return (ConfigFile(path=self.context.path(LAUNCHER), content=text), *kept)

    @property
    def env(self) -> dict[str, str]:
        """Its environment, which holds no secret: of each only the file's path."""
        context, settings = self.context, self.settings
        found = {"HOME": context.places.run}
        if settings.port is not None:
            found |= {"HOST": context.listen, "PORT": str(settings.port)}
        if settings.data:
            found["DATA_DIR"] = context.places.data
        if self.source:
            found |= {"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        for client in self.clients.values():
            found |= client.env
        found |= {f"{name}_FILE": context.secret_path(name) for name in self.variables}
        return found | dict(settings.env)

    @property
    def image(self) -> Image | None:
        """None for what only an image of the owner's can have: packages, or a program of the machine."""
        if self.settings.image:
            return _exact(parse_reference(self.settings.image))
        return PYTHON_IMAGE if self.source and not self.settings.requirements else None

    @property
    def in_image(self) -> str | None:
        """What images call its program."""
        return "python3" if self.source else next(iter(self.settings.command), None)

    def package(self, *modules: str) -> Package | None:
        """Its programs on a machine without containers; ``modules`` must come with the requirements."""
        settings = self.settings
        if settings.image:
            return None
        if self.source and settings.requirements:
            own = {self.python: "hearth-python"} | {_own(self.context, module): module for module in modules}
            return Package(
                programs=tuple(own), venv=("-r", f"{self.source.path}/{settings.requirements}"), aliases=own
            )
        if self.source:
            return Package(
                programs=(self.python,),
                apt=("python3",),
                brew=("python@3.13",),
                # A pyenv's python3 runs under no other name.
                probe=(self.python, "--version"),
                aliases={self.python: "python3"},
            )
        program = _own(self.context, settings.command[0])
        return Package(programs=(program,), aliases={program: settings.command[0]})

    @property
    def health(self) -> HealthCheck:
        """Asked over HTTP, by a command, or only for its process."""
        settings = self.settings
        if settings.health_command:
            return HealthCheck(argv=settings.health_command)
        if settings.health is None:
            return HealthCheck()
        url = f"http://127.0.0.1:{settings.port}{settings.health}"
        # The slim images of Python have neither curl nor wget.
        return HealthCheck(argv=(self.python, "-c", _GET, url) if self.source else (), http=url)

    def spec(
        self,
        *,
        description: str,
        kind: str,
        argv: tuple[str, ...],
        env: Mapping[str, str] | None = None,
        **changes: Any,
    ) -> ServiceSpec:
        """The service, run by ``argv``; ``changes`` are what its kind knows better."""
        context, settings = self.context, self.settings
        networks = {"backend", *(client.network for client in self.clients.values())}
        values: dict[str, Any] = {
            "name": context.service,
            "type": kind,
            "description": description,
            "image": self.image,
            "package": self.package(),
            "process": Process(
                argv=argv, in_image=self.in_image, env=env or self.env, stop_seconds=settings.grace
            ),
            "resources": Resources(
                memory=settings.memory, reservation=settings.reservation, cpus=settings.cpus
            ),
            "health": self.health,
            "security": Security(uid=settings.uid, executable_memory=settings.jit),
            "networks": tuple(sorted(networks | ({"egress"} if settings.outward else set()))),
            "ports": ()
            if settings.port is None
            else (Port(name="http", number=settings.port, publish=settings.publish),),
            "volumes": (Volume(name="data", path=context.places.data),) if settings.data else (),
            "backup": BackupPolicy(files=True) if settings.data else None,
            "files": self.files,
            "source": self.source,
            "needs": tuple(self.clients),
            # Its own program reads them when it starts.
            "renewable": {
                ref.name: "once"
                for name, given in settings.secrets.items()
                if (ref := _secret(name, given)).source is None
            },
        }
        return ServiceSpec(**{**values, **changes})


def workload(
    settings: WorkloadSettings, context: Context, more: Mapping[str, tuple[str, Mapping[str, SecretRef]]] = {}
) -> Workload:
    """What ``settings`` mean here; ``more`` are secret variables that the kind adds.

    Raises ``LookupError`` when a neighbour, or the directory, is not there.
    """
    clients = {name: context.client(name, settings.database) for name in settings.uses}
    variables: dict[str, tuple[str, Mapping[str, SecretRef]]] = {}
    owners: dict[str, str] = {}
    for service, client in clients.items():
        for name in (*client.env, *client.secret_env):
            if owners.setdefault(name, service) != service:
                raise LookupError(
                    f"uses {owners[name]} and {service}, which both set {name}; keep one of them"
                )
        variables |= {name: (text, client.secrets) for name, text in client.secret_env.items()}
    variables |= {
        name: (f"@@{name}@@", {name: _secret(name, given)}) for name, given in settings.secrets.items()
    }
    return Workload(
        settings=settings,
        context=context,
        clients=clients,
        source=context.source(settings.directory) if settings.directory else None,
        variables=variables | dict(more),
    )


def own_command(settings: WorkloadSettings, made: Workload, script: str = "") -> tuple[str, ...]:
    """The command line of a program that is run as it is: ``script`` of a directory."""
    if made.source:
        return made.script(script, *settings.arguments)
    if settings.command:
        return (_own(made.context, settings.command[0]), *settings.command[1:])
    return settings.arguments


def _own(context: Context, program: str) -> str:
    # Links to programs lie side by side: this one's is called after its service.
    return f"{context.declared(context.service)}-{program.rpartition('/')[2]}"


def _exact(image: Image) -> Image:
    return Image(repository=image.repository, tag=image.tag, digest=image.digest, exact=True)


def _secret(name: str, given: str) -> SecretRef:
    if given.startswith("/"):
        return SecretRef(name=f"file-{name.lower()}", kind="file", source=given)
    return SecretRef(name=given)
