"""Prometheus: scrapes and probes whatever the stack's services declare, and watches the figures.

Configuration: https://prometheus.io/docs/prometheus/latest/configuration/configuration/
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from components.context import Context
from components.neighbours import Requests, Watch
from components.rendering import render
from components.settings import ServiceSettings
from components.signals import Panel, Probe, Scrape
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
from components.units import Bytes, Count, PortNumber, Seconds

MIB = 1024**2
IMAGE = Image(repository="prom/prometheus", tag="v2.53.5")
PACKAGE = Package(programs=("prometheus", "promtool"), apt=("prometheus",), brew=("prometheus",))
Percent = Annotated[float, Field(gt=0, lt=100)]
# A sample in memory: eight bytes of time and eight of value.
_SAMPLE = 16


class Settings(ServiceSettings):
    """Keys of a Prometheus."""

    memory: Annotated[Bytes, Field(ge=128 * MIB, description="Hard memory limit.")] = 512 * MIB
    port: Annotated[PortNumber, Field(description="Port of its page and API.")] = 9090
    interval: Annotated[
        Seconds,
        Field(ge=1, le=120, description="Time between two scrapes, and between two looks at the rules."),
    ] = 15
    retention: Annotated[
        Seconds,
        # The longest look back of a rule is three days.
        Field(ge=3 * 86400, description="How long figures are kept."),
    ] = 15 * 86400
    retention_size: Annotated[
        Bytes, Field(ge=128 * MIB, description="Disk that figures may take; the oldest go first.")
    ] = 1024 * MIB
    patience: Annotated[
        Seconds, Field(description="How long a service does not answer before that is an alert.")
    ] = 60
    cpu_percent: Annotated[Percent, Field(description="CPU of the host above this is an alert.")] = 80
    memory_percent: Annotated[Percent, Field(description="Memory of the host above this is an alert.")] = 85
    disk_percent: Annotated[Percent, Field(description="A disk fuller than this is an alert.")] = 90
    latency_ms: Annotated[
        Count, Field(ge=1, description="95 of 100 answers slower than this many milliseconds are an alert.")
    ] = 200
    availability: Annotated[
        Percent, Field(description="Percentage of probes that must succeed; burning its reserve is an alert.")
    ] = 99.9
    restarts: Annotated[
        Count, Field(ge=1, description="More restarts than this within 15 minutes are an alert.")
    ] = 3
    certificate_days: Annotated[
        Count, Field(ge=1, description="A certificate that ends within this many days is an alert.")
    ] = 14


@dataclass(frozen=True, kw_only=True)
class Job:
    """One address to read metrics from."""

    name: str
    service: str
    """Whose figures these are: the watched service's, where the metrics are an exporter's."""
    target: str
    scrape: Scrape

    @property
    def token(self) -> str | None:
        """Name of the file that holds what the address wants to be shown, if it does."""
        return f"{self.service}.token" if self.scrape.guarded else None


@dataclass(frozen=True, kw_only=True)
class Question:
    """One address to ask whether it answers."""

    module: str
    service: str
    target: str


PANELS = (
    Panel(
        title="Alerts",
        query='sum by (alertname, service) (ALERTS{alertstate="firing"})',
        group="health",
        legend="{{alertname}} {{service}}",
    ),
    Panel(title="Figures can be had", query="min by (service) (up)", group="health"),
    Panel(
        title="Restarts within an hour",
        query="sum by (service) (changes(process_start_time_seconds[1h]))",
        group="health",
    ),
    Panel(
        title="Share of probes that failed within an hour",
        query="max by (service) (service:probe_failures:ratio1h)",
        unit="percentunit",
        group="health",
    ),
    Panel(
        title="Memory of those that tell it",
        query="sum by (service, job) (process_resident_memory_bytes)",
        unit="bytes",
        group="processes",
        legend="{{job}}",
    ),
    Panel(
        title="CPU of those that tell it",
        query="100 * sum by (service, job) (rate(process_cpu_seconds_total[5m]))",
        unit="percent",
        group="processes",
        legend="{{job}}",
    ),
)


def requests(settings: Settings) -> Requests:
    """It scrapes and probes itself, too, and answers whoever draws its figures."""
    return Requests(
        scrapes=(Scrape(latency="prometheus_http_request_duration_seconds"),),
        probes=(Probe(path="/-/ready"),),
        panels=PANELS,
        offers=("metrics",),
    )


def jobs(context: Context) -> Iterator[Job]:
    """Every scrape that a service of the stack declares."""
    for service, asked in sorted(context.requests.items()):
        watched = {watch.service for watch in asked.watches}
        for number, scrape in enumerate(asked.scrapes):
            yield Job(
                name=service if number == 0 else f"{service}/{number}",
                service=watched.pop() if len(watched) == 1 else service,
                target=str(context.endpoint(service, scrape.port)),
                scrape=scrape,
            )


def questions(context: Context) -> Iterator[Question]:
    """Every service by what it declares, else by its port; and every route through the front door."""
    for service, asked in sorted(context.requests.items()):
        if not context.listens(service):
            continue
        target = context.endpoint(service)
        if asked.probes is None:
            yield Question(module="tcp", service=service, target=str(target))
        for probe in asked.probes or ():
            yield Question(module="http", service=service, target=f"{probe.scheme}://{target}{probe.path}")
    for door in context.offering("routes"):
        (own, *_) = context.requests[door].probes or (Probe(path="/"),)
        for service, route in context.routes():
            if route.probe is not None and not route.basic_auth:
                url = f"{own.scheme}://{context.endpoint(door)}{route.prefix}{route.probe}"
                yield Question(module="http", service=service, target=url)


def spec(settings: Settings, context: Context) -> ServiceSpec:
    """One Prometheus with its jobs and rules."""
    configuration = render(
        "prometheus/prometheus.yml.j2",
        settings=settings,
        context=context,
        jobs=list(jobs(context)),
        # One is enough: a second would ask the same from the same host.
        prober=next(iter(context.offering("probes")), None),
        questions=list(questions(context)),
        alertmanagers=[str(context.endpoint(name)) for name in context.offering("alerts")],
    )
    rules = render(
        "prometheus/rules.yml.j2",
        settings=settings,
        context=context,
        jobs=list(jobs(context)),
        rules=context.rules(),
        queues=context.queues(),
    )
    return ServiceSpec(
        name=context.service,
        type="prometheus",
        description="Prometheus",
        image=IMAGE,
        package=PACKAGE,
        process=Process(
            argv=(
                "prometheus",
                f"--config.file={context.path('prometheus.yml')}",
                f"--storage.tsdb.path={context.places.data}",
                f"--storage.tsdb.retention.time={settings.retention}s",
                # Its megabytes are mebibytes.
                f"--storage.tsdb.retention.size={settings.retention_size // MIB}MB",
                # The largest query takes a quarter of the memory at most.
                f"--query.max-samples={settings.memory // 4 // _SAMPLE}",
                f"--web.listen-address={context.listen}:{settings.port}",
                "--log.level=warn",
            ),
            # The runtime collects garbage before the limit is reached.
            env={"GOMEMLIMIT": str(settings.memory * 85 // 100)},
            # The head of the database is written out.
            stop_seconds=60,
        ),
        resources=Resources(memory=settings.memory, reservation=settings.reservation, cpus=settings.cpus),
        health=HealthCheck(http=f"http://127.0.0.1:{settings.port}/-/ready", start_period=60),
        security=Security(uid=65534),
        # Every network that a service may be on alone; none of them leads outside.
        networks=("backend", "data", "monitoring"),
        ports=(Port(name="http", number=settings.port, publish=settings.publish),),
        volumes=(Volume(name="data", path=context.places.data),),
        files=(
            ConfigFile(path=context.path("prometheus.yml"), content=configuration),
            ConfigFile(path=context.path("rules.yml"), content=rules),
            *(
                ConfigFile(
                    path=context.secret_path(job.token),
                    content="@@token@@",
                    secrets={"token": Watch(service=job.service).password},
                )
                for job in jobs(context)
                if job.token
            ),
        ),
        # It needs nobody: whoever is late or fails to start is what it is there to tell of.
        check=("promtool", "check", "config", context.path("prometheus.yml")),
    )
