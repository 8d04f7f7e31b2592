"""Flower: counts what Celery's workers do, and shows it on a page that changes nothing.

Options: https://flower.readthedocs.io/en/latest/config.html
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from components.applications import asked
from components.context import Context
from components.environment import for_python
from components.neighbours import Requests
from components.settings import ServiceSettings
from components.signals import Panel, Probe, Scrape
from components.spec import Image, Package, Port, Process, Resources, SecretRef, Security, ServiceSpec
from components.units import Bytes, Count, PortNumber

MIB = 1024**2
VERSION = "2.2.0"
IMAGE = Image(repository="mher/flower", tag=VERSION, program="celery")
PACKAGE = Package(
    programs=("flower",),
    # Celery as the example's workers have it; older workers say the same events.
    venv=(f"flower=={VERSION}", "celery[redis]==5.7.0", "redis==8.1.0"),
    aliases={"flower": "celery"},
)
# Its users name it so when they log in.
_ACCOUNT = "hearth"
_RATE = "sum by (type) (rate(flower_events_total{type=~'task-.*'}[5m]))"


class Settings(ServiceSettings):
    """Keys of a Flower."""

    memory: Annotated[Bytes, Field(ge=96 * MIB, description="Hard memory limit.")] = 160 * MIB
    port: Annotated[PortNumber, Field(description="Port of its page and metrics.")] = 5555
    broker: Annotated[
        str,
        Field(pattern=r"^[a-z][a-z0-9-]{0,24}$", description="Service that keeps the workers' queues."),
    ] = "redis"
    tasks: Annotated[
        Count, Field(ge=100, description="Tasks that its page remembers; all of them are counted.")
    ] = 1000


PANELS = (
    Panel(title="Tasks by what became of them", query=_RATE, unit="reqps", group="queues", legend="{{type}}"),
    Panel(
        title="Tasks at work",
        query="sum by (worker) (flower_worker_number_of_currently_executing_tasks)",
        group="queues",
        legend="{{worker}}",
    ),
    Panel(title="Workers", query="sum by (service) (flower_worker_online)", group="queues"),
    Panel(
        title="Tasks p95",
        query="histogram_quantile(0.95, sum by (task, le) (rate(flower_task_runtime_seconds_bucket[5m])))",
        unit="s",
        group="queues",
        legend="{{task}}",
    ),
)


def requests(settings: Settings) -> Requests:
    """That its metrics be scraped, which ask for no password, and where it says that it is well."""
    return Requests(scrapes=(Scrape(),), probes=(Probe(path="/healthcheck"),), panels=PANELS)


def spec(settings: Settings, context: Context) -> ServiceSpec:
    """One Flower for all workers of one broker."""
    client = context.client(settings.broker)
    if client.url is None:
        raise LookupError(f"broker {settings.broker} keeps no queues; name a service that does")
    secrets = {**client.secrets, "password": SecretRef(name=f"{context.service}-admin")}
    # The page shows what tasks were given, which is for whoever has the password.
    values = {
        "CELERY_BROKER_URL": client.secret_env[client.url],
        "FLOWER_BASIC_AUTH": f"{_ACCOUNT}:@@password@@",
    }
    injection = for_python(context, values, secrets)
    return ServiceSpec(
        name=context.service,
        type="flower",
        description="Flower",
        image=IMAGE,
        package=PACKAGE,
        process=Process(
            argv=(
                "flower",
                "flower",
                f"--address={context.listen}",
                f"--port={settings.port}",
                "--read_only=true",
                f"--max_tasks={settings.tasks}",
                # A worker that is gone for good does not stay in the figures.
                "--purge_offline_workers=3600",
                "--logging=warning",
            ),
            env={"HOME": context.places.run, "PYTHONDONTWRITEBYTECODE": "1"} | dict(injection.env),
        ),
        resources=Resources(memory=settings.memory, reservation=settings.reservation, cpus=settings.cpus),
        health=asked(f"http://127.0.0.1:{settings.port}/healthcheck", by="python", start_period=60),
        security=Security(uid=1000),
        networks=tuple(sorted({client.network, "monitoring"})),
        ports=(Port(name="http", number=settings.port, publish=settings.publish),),
        files=injection.files,
        needs=(settings.broker,),
    )
