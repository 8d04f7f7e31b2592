"""Grafana: the stack's figures and logs as dashboards, which follow from what its services declare.

Configuration: https://grafana.com/docs/grafana/latest/setup-grafana/configure-grafana/
Provisioning: https://grafana.com/docs/grafana/latest/administration/provisioning/
"""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import Field

from components.context import Context
from components.dashboards import dashboards, latency_panels
from components.neighbours import Requests, Route
from components.rendering import render
from components.settings import ServiceSettings
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
    Volume,
)
from components.units import Bytes, PortNumber

MIB = 1024**2
VERSION = "12.3.0"
IMAGE = Image(repository="grafana/grafana", tag=VERSION)
PACKAGE = Package(
    programs=("grafana",),
    # Of Grafana's own repository, where the machine has it.
    apt=("grafana",),
    brew=("grafana",),
    installer=f"https://dl.grafana.com/oss/release/grafana-{VERSION}.linux-{{machine}}.tar.gz",
)
SOURCES = {"promql": {"type": "prometheus", "uid": "metrics"}, "logql": {"type": "loki", "uid": "logs"}}
ROUTE = Route(prefix="/grafana/", websocket=True, strip_prefix=False, probe="api/health")


class Settings(ServiceSettings):
    """Keys of a Grafana."""

    memory: Annotated[Bytes, Field(ge=128 * MIB, description="Hard memory limit.")] = 256 * MIB
    port: Annotated[PortNumber, Field(description="Port of its pages and API.")] = 3000


def requests(settings: Settings) -> Requests:
    """Its pages on the front door, behind its own login."""
    return Requests(
        routes=(ROUTE,),
        scrapes=(Scrape(latency="grafana_http_request_duration_seconds"),),
        probes=(Probe(path="/api/health"),),
    )


def _sources(context: Context) -> list[dict[str, Any]]:
    """The data sources: whoever answers PromQL, whoever answers LogQL, and whoever holds the alerts."""
    kinds = (
        ("Metrics", "metrics", SOURCES["promql"], {"httpMethod": "POST"}),
        ("Logs", "logs", SOURCES["logql"], {"maxLines": 1000}),
        ("Alerts", "alerts", {"type": "alertmanager", "uid": "alerts"}, {"implementation": "prometheus"}),
    )
    return [
        {**source, "name": name, "address": context.endpoint(found), "options": options}
        for name, offer, source, options in kinds
        for found in context.offering(offer)[:1]
    ]


def spec(settings: Settings, context: Context) -> ServiceSpec:
    """One Grafana, all of it provisioned: what is changed on its pages is not kept."""
    drawn = dashboards(context.stack, [*context.panels(), *latency_panels(context.requests)], SOURCES)
    admin, key = SecretRef(name=f"{context.service}.admin"), SecretRef(name=f"{context.service}.key")
    texts = {
        "provisioning/datasources/datasources.yml": render(
            "grafana/datasources.yml.j2", context=context, sources=_sources(context)
        ),
        "provisioning/dashboards/dashboards.yml": render("grafana/dashboards.yml.j2", context=context),
        "grafana.ini": render(
            "grafana/grafana.ini.j2", settings=settings, context=context, route=ROUTE, home=next(iter(drawn))
        ),
        "start.sh": render("grafana/start.sh.j2", context=context),
    } | {
        f"dashboards/{group}.json": json.dumps(dashboard, indent=1) + "\n"
        for group, dashboard in drawn.items()
    }
    return ServiceSpec(
        name=context.service,
        type="grafana",
        description="Grafana",
        image=IMAGE,
        package=PACKAGE,
        process=Process(
            argv=("sh", context.path("start.sh")),
            env={"GOMEMLIMIT": str(settings.memory * 85 // 100)},
        ),
        resources=Resources(memory=settings.memory, reservation=settings.reservation, cpus=settings.cpus),
        health=HealthCheck(http=f"http://127.0.0.1:{settings.port}/api/health", start_period=60),
        security=Security(uid=472),
        networks=("backend", "monitoring"),
        ports=(Port(name="http", number=settings.port, publish=settings.publish),),
        volumes=(Volume(name="data", path=context.places.data),),
        backup=BackupPolicy(files=True),
        files=(
            *(ConfigFile(path=context.path(name), content=text) for name, text in texts.items()),
            *(
                ConfigFile(path=context.secret_path(name), content="@@it@@", secrets={"it": secret})
                for name, secret in (("admin-password", admin), ("secret-key", key))
            ),
        ),
    )
