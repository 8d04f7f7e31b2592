"""Worker of the owner's own: Celery tasks from queues, done again when a worker is lost.

Settings: https://docs.celeryq.dev/en/stable/userguide/configuration.html
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from pydantic import Field, model_validator

from components.context import Context
from components.neighbours import Requests
from components.pools import PoolSettings, pool_variables
from components.rendering import render
from components.signals import Queue
from components.spec import ConfigFile, HealthCheck, ServiceSpec
from components.units import Bytes, Count, Seconds
from components.workload_settings import Path
from components.workloads import own_command, requests_of, workload

MIB = 1024**2
MODULE = "celery"
# Module of the launcher's, in which the owner's application gets its settings.
_APP = "hearth_celery"


class Settings(PoolSettings):
    """Keys of a worker."""

    memory: Annotated[Bytes, Field(ge=32 * MIB, description="Hard memory limit of each replica.")] = 512 * MIB
    requirements: Annotated[
        Path | None,
        Field(description="File in the directory whose packages are installed, Celery among them."),
    ] = "requirements.txt"
    app: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z_][\w.]*(:[A-Za-z_]\w*)?$",
            description="MODULE or MODULE:NAME of the Celery application in the directory.",
        ),
    ] = "tasks"
    broker: Annotated[
        str | None,
        Field(
            pattern=r"^[a-z][a-z0-9-]{0,24}$",
            description="Service, one of uses, that keeps the queues and the results.",
        ),
    ] = None
    queues: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$")], ...],
        Field(min_length=1, description="Queues that it takes tasks from."),
    ] = ("default",)
    concurrency: Annotated[
        Count, Field(ge=1, le=256, description="Tasks at once; 1 does them one after another.")
    ] = 4
    depth: Annotated[
        Count,
        Field(ge=0, description="More tasks waiting in a queue than this for five minutes are an alert."),
    ] = 100
    lost_after: Annotated[
        Seconds,
        Field(
            ge=1,
            description="A task without an end for so long is given to another worker: longer than the "
            "longest task, for it is done twice otherwise.",
        ),
    ] = 3600

    @model_validator(mode="after")
    def _broker_is_used(self) -> Settings:
        if self.broker is not None and self.broker not in self.uses:
            raise ValueError(f"broker {self.broker} is not in uses; add it there")
        if self.directory and self.broker is None:
            raise ValueError("a directory of tasks needs a broker: name the service that keeps the queues")
        return self


def requests(settings: Settings) -> Requests:
    """Its database, and that the length of its queues be watched where somebody does."""
    waiting = tuple(
        Queue(service=settings.broker, key=queue, depth=settings.depth)
        for queue in settings.queues
        if settings.broker
    )
    return replace(requests_of(settings), queues=waiting)


def spec(settings: Settings, context: Context) -> ServiceSpec:
    """One worker with its queues."""
    more = {}
    if settings.broker:
        client = context.client(settings.broker, settings.database)
        if client.url is None:
            raise LookupError(f"broker {settings.broker} keeps no queues; name a service that does")
        address = (client.secret_env[client.url], client.secrets)
        # Celery prefers these to what the application says.
        more = {"CELERY_BROKER_URL": address, "CELERY_RESULT_BACKEND": address}
    made = workload(settings, context, more)
    env = {**pool_variables(settings, made), **made.env}
    if made.source is None:
        argv = own_command(settings, made)
        return made.spec(kind="worker", description="Worker", argv=argv, env=env)
    node = f"{context.service}@{context.stack}"
    configuration = render(
        "worker/hearth_celery.py.j2",
        settings=settings,
        context=context,
        group=context.declared(context.service),
        # In KiB; a process that has grown beyond its share is replaced after its task.
        most=settings.memory * 85 // 100 // settings.concurrency // 1024,
    )
    celery = made.script("-m", MODULE, "-A", _APP)
    return made.spec(
        kind="worker",
        description="Worker",
        argv=(
            *celery, "worker", "-n", node, "-Q", ",".join(settings.queues), "-c", str(settings.concurrency),
            "-O", "fair", "-l", "WARNING", "--without-gossip", "--without-mingle",
        ),
        env=env,
        package=made.package(MODULE),
        # It takes a second of a core to ask.
        health=HealthCheck(
            argv=(*celery, "inspect", "ping", "-d", node, "-t", "5"),
            interval=30, timeout=20, retries=4, start_period=60,
        ),
        files=(ConfigFile(path=context.path(f"{_APP}.py"), content=configuration), *made.files),
    )  # fmt: skip
