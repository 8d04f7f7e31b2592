"""Dify's worker: what takes longer than a request, and what is due at a time.

Environment: https://docs.dify.ai/en/self-host/configuration/environments
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from components.applications import MIB, Neighbour
from components.catalog import dify_api
from components.context import Context
from components.neighbours import Requests
from components.spec import HealthCheck, Process, Resources, Security, ServiceSpec, Volume
from components.units import Bytes, Count

_PING = ("celery", "-A", "celery_healthcheck.celery", "inspect", "ping")
# It answers nobody: all that can be asked is whether its process is the one that was started.
_RUNS = ("sh", "-c", "grep -q beat /proc/1/cmdline")


class Settings(dify_api.Settings):
    """Keys of a worker. What it has in common with the API is to be written as there."""

    memory: Annotated[Bytes, Field(ge=768 * MIB, description="Hard memory limit.")] = 1536 * MIB
    port: Annotated[None, Field(description="It listens on none.")] = None
    api: Annotated[Neighbour, Field(description="The API it works for; the stack's if absent.")] = None
    role: Annotated[
        Literal["worker", "beat"], Field(description="worker does what is queued; beat queues what is due.")
    ] = "worker"
    concurrency: Annotated[Count, Field(ge=1, le=64, description="Tasks that a worker does at once.")] = 4


def requests(settings: Settings) -> Requests:
    """Nothing: it can be asked from inside its container alone."""
    return Requests(probes=())


def spec(settings: Settings, context: Context) -> ServiceSpec:
    """One worker, or the one clock of an API."""
    api = context.needed("dify-api", settings.api)
    env, injection, needs = dify_api.environment(settings, context, api)
    own = {
        "MODE": settings.role,
        "MIGRATION_ENABLED": "false",
        "CELERY_WORKER_AMOUNT": str(settings.concurrency),
    }
    return ServiceSpec(
        name=context.service,
        type="dify-worker",
        description="Dify's worker",
        image=dify_api.IMAGE,
        package=None,
        process=Process(argv=("bash", "/entrypoint.sh"), env=env | own | injection.env, stop_seconds=60),
        resources=Resources(memory=settings.memory, reservation=settings.reservation, cpus=settings.cpus),
        health=HealthCheck(
            argv=_PING if settings.role == "worker" else _RUNS, interval=30, timeout=30, start_period=180
        ),
        security=Security(uid=dify_api.UID, executable_memory=True),
        networks=(*settings.networks, "sandbox"),
        # Files of users: the API puts them there, and the worker reads them.
        volumes=(Volume(name="data", path=context.places.data, of=api),),
        files=injection.files,
        needs=(api, *needs),
    )
