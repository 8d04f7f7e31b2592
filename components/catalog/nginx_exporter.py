"""nginx exporter: connections and requests of an nginx, from its status page.

Flags: https://github.com/nginx/nginx-prometheus-exporter#command-line-arguments
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from components.context import Context
from components.neighbours import Requests, Watch
from components.settings import ServiceSettings
from components.signals import Panel, Scrape
from components.spec import HealthCheck, Image, Package, Port, Process, Resources, Security, ServiceSpec
from components.units import Bytes, PortNumber

IMAGE = Image(repository="nginx/nginx-prometheus-exporter", tag="1.4.2")
PACKAGE = Package(
    programs=("nginx-prometheus-exporter",),
    apt=("prometheus-nginx-exporter",),
    brew=("nginxinc/tap/nginx-prometheus-exporter",),
    aliases={"nginx-prometheus-exporter": "prometheus-nginx-exporter"},
)


class Settings(ServiceSettings):
    """Keys of an nginx exporter."""

    memory: Annotated[Bytes, Field(ge=16 * 1024**2, description="Hard memory limit.")] = 32 * 1024**2
    port: Annotated[PortNumber, Field(description="Port of its metrics.")] = 9113
    watches: Annotated[str, Field(description="Name of the nginx in this stack.")] = "nginx"
    status_port: Annotated[
        PortNumber, Field(description="Port that the nginx opens for this exporter; never published.")
    ] = 8081


PANELS = (
    Panel(
        title="Front door: requests",
        query="sum by (service) (rate(nginx_http_requests_total[5m]))",
        unit="reqps",
        group="health",
    ),
    Panel(
        title="Front door: connections", query="sum by (service) (nginx_connections_active)", group="health"
    ),
)


def requests(settings: Settings) -> Requests:
    """A status page on the nginx, and that its metrics be scraped."""
    return Requests(
        scrapes=(Scrape(alive="nginx_up"),),
        watches=(Watch(service=settings.watches, port=settings.status_port),),
        panels=PANELS,
    )


def spec(settings: Settings, context: Context) -> ServiceSpec:
    """One exporter of one nginx."""
    status = context.endpoint(settings.watches, settings.status_port)
    return ServiceSpec(
        name=context.service,
        type="nginx-exporter",
        description="nginx exporter",
        image=IMAGE,
        package=PACKAGE,
        process=Process(
            argv=(
                "nginx-prometheus-exporter",
                f"--nginx.scrape-uri=http://{status}/stub_status",
                f"--web.listen-address={context.listen}:{settings.port}",
            ),
        ),
        resources=Resources(memory=settings.memory, reservation=settings.reservation, cpus=settings.cpus),
        health=HealthCheck(
            http=f"http://127.0.0.1:{settings.port}/",
            # The image holds the program alone, so that a container can be asked only whether it starts.
            argv=("nginx-prometheus-exporter", "--version"),
        ),
        security=Security(uid=1001),
        networks=("backend", "monitoring"),
        ports=(Port(name="http", number=settings.port, publish=settings.publish),),
        needs=(settings.watches,),
    )
