"""nginx: the front door; its routes are what the stack's services publish.

Directives: https://nginx.org/en/docs/dirindex.html
"""

from __future__ import annotations

from ipaddress import ip_address
from math import ceil
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from components.context import Context
from components.neighbours import Requests
from components.rendering import render
from components.settings import ServiceSettings
from components.signals import Probe
from components.spec import (
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
    Task,
)
from components.units import Bytes, PortNumber, format_bytes

IMAGE = Image(repository="nginx", tag="1.28.0-bookworm")
PACKAGE = Package(programs=("nginx",), apt=("nginx-light",), brew=("nginx",))

# What nginx itself takes, with its buffers.
_WITHOUT_CACHE = 16 * 1024**2


def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise ValueError("write an IPv4 or IPv6 address, for example 127.0.0.1") from None


class Settings(ServiceSettings):
    """Keys of an nginx."""

    memory: Annotated[Bytes, Field(ge=16 * 1024**2, description="Hard memory limit.")] = 64 * 1024**2
    port: Annotated[PortNumber, Field(description="Port of the front door.")] = 8080
    publish: Annotated[bool, Field(description="Reachable from the host; a front door is.")] = True
    address: Annotated[
        str,
        AfterValidator(_address),
        Field(
            description="Host address to publish on; 0.0.0.0 opens the platform to the network.",
        ),
    ] = "127.0.0.1"
    tls: Annotated[
        str | None,
        Field(
            pattern=r"^(self-signed|/.+\.pem)$",
            description="self-signed, or the path of a PEM file with key and certificate chain.",
        ),
    ] = None
    basic_auth: Annotated[
        bool, Field(description="Ask for a password on every route, not only those that want one.")
    ] = False
    cache: Annotated[
        Bytes | None,
        # It lies in memory where the root is read-only.
        Field(
            ge=1024**2,
            le=48 * 1024**2,
            description="Room for answers that their service lets be kept (Cache-Control); none if absent.",
        ),
    ] = None

    page: Annotated[
        bool | None,
        Field(description="Show at / how the stack is; if absent, wherever no service is published there."),
    ] = None

    @model_validator(mode="after")
    def _cache_fits(self) -> Settings:
        if self.cache is not None and self.cache + _WITHOUT_CACHE > self.memory:
            raise ValueError(
                f"cache {format_bytes(self.cache)} leaves less than {format_bytes(_WITHOUT_CACHE)} of memory "
                f"{format_bytes(self.memory)}: raise memory, or lower cache"
            )
        return self


def certificate(settings: Settings, service: str) -> SecretRef | None:
    """The key and certificate in one PEM text: made by Hearth, or read from the given file."""
    if settings.tls is None:
        return None
    if settings.tls == "self-signed":
        return SecretRef(name=f"{service}-tls", kind="certificate")
    return SecretRef(name=f"{service}-tls", kind="file", source=settings.tls)


def requests(settings: Settings) -> Requests:
    """Where it can be asked whether it is well, and that it leads to the services behind it."""
    if settings.publish and settings.address not in ("127.0.0.1", "0.0.0.0"):
        # Bound to that address alone where there are no containers, so that neighbours may not reach it.
        return Requests(probes=())
    scheme: Literal["http", "https"] = "https" if settings.tls else "http"
    return Requests(
        probes=(Probe(path="/healthz", scheme=scheme),),
        # Behind a password nobody can ask through it whether a service is well.
        offers=() if settings.basic_auth else ("routes",),
    )


def _routes(context: Context) -> list[dict[str, Any]]:
    """Every prefix with whatever answers behind it: one service, or all replicas of one."""
    found: dict[str, dict[str, Any]] = {}
    for name, route in context.routes():
        declared = context.declared(name)
        item = found.setdefault(
            route.prefix,
            {
                "route": route,
                "service": declared,
                # Where names are asked for again, one name stands for all replicas.
                "endpoint": context.endpoint(declared, route.port),
                "servers": [],
                # Found when nginx starts, for its address stays.
                "once": context.resolver is None or context.endpoint(declared, route.port).fixed,
                "upstream": declared if route.port is None else f"{declared}-{route.port}",
            },
        )
        item["servers"].append(context.endpoint(name, route.port))
    return list(found.values())


def _told(context: Context) -> str | None:
    """Where nginx says a line of each request, if somebody counts them."""
    counters = context.offering("counts")
    if not counters:
        return None
    if context.logs.containers:
        # A neighbour's address would have to be known when nginx starts, and stay.
        return "/dev/stdout"
    return f"syslog:server={context.endpoint(counters[0])},nohostname"


def _page(settings: Settings, context: Context) -> bool:
    """Whether the page is at /. Raises ``LookupError`` where it is asked for and something else is there."""
    taken = [name for name, route in context.routes() if route.prefix == "/"]
    if settings.page and taken:
        raise LookupError(
            f"page: true puts a page at /, where {context.declared(taken[0])} is published; leave page out, "
            "or publish that elsewhere"
        )
    return not taken if settings.page is None else settings.page


def spec(settings: Settings, context: Context) -> ServiceSpec:
    """One nginx that leads to every route of the stack."""
    routes, page = _routes(context), _page(settings, context)
    bind = context.bind(settings.address if settings.publish else "127.0.0.1")
    host = f"[{bind}]" if ":" in bind else bind
    tls = certificate(settings, context.service)
    guarded = settings.basic_auth or any(item["route"].basic_auth for item in routes)
    # Only for its exporter, and never published.
    status_ports = [watch.port for watch in context.watches() if watch.port]
    configuration = render(
        "nginx/nginx.conf.j2",
        settings=settings,
        context=context,
        routes=routes,
        bind=host,
        tls=tls,
        status_ports=status_ports,
        told=_told(context),
        page=context.page.directory if page else None,
        workers=max(1, min(4, ceil(settings.cpus or context.host_cpus))),
    )
    secret_files = []
    if guarded:
        secret_files.append(
            ConfigFile(
                path=context.secret_path("htpasswd"),
                content="hearth:{PLAIN}@@password@@\n",
                secrets={"password": SecretRef(name=f"{context.service}-basic-auth")},
            )
        )
    if tls:
        secret_files.append(
            ConfigFile(path=context.secret_path("tls.pem"), content="@@tls@@\n", secrets={"tls": tls})
        )
    program = ("nginx", "-e", "stderr", "-c", context.path("nginx.conf"))
    scheme = "https" if tls else "http"
    # A server on every address answers on loopback too; one on its own address only there.
    asked = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host)
    return ServiceSpec(
        name=context.service,
        type="nginx",
        description="Front door",
        image=IMAGE,
        package=PACKAGE,
        process=Process(
            argv=program,
            # Lets open streams end; SIGTERM would cut them.
            stop_signal="SIGQUIT",
            stop_seconds=10,
        ),
        resources=Resources(memory=settings.memory, reservation=settings.reservation, cpus=settings.cpus),
        health=HealthCheck(http=f"{scheme}://{asked}:{settings.port}/healthz", start_period=10),
        security=Security(uid=101, host_mounts=context.page.mounts if page else ()),
        networks=tuple(sorted({"frontend", "backend"})),
        ports=(
            Port(
                name="http",
                number=settings.port,
                publish=settings.publish,
                address=settings.address,
            ),
            *(Port(name=f"status-{number}", number=number) for number in status_ports),
        ),
        reads=(context.page.directory,) if page and not context.page.mounts else (),
        shows_page=page,
        files=(ConfigFile(path=context.path("nginx.conf"), content=configuration), *secret_files),
        needs=tuple(dict.fromkeys(name for name, _ in context.routes())),
        check=(*program, "-t", "-q"),
        renewable=dict.fromkeys((ref.name for file in secret_files for ref in file.secrets.values()), "once"),
        live_secrets=bool(secret_files),
        # It reads a certificate again without hanging up on anybody.
        tasks=(Task(name="certificate", argv=(*program, "-s", "reload")),) if tls else (),
    )
