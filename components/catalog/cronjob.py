"""Job of the owner's own: a program that runs at set times, and ends."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from components.context import Context
from components.neighbours import Requests
from components.schedules import CronText
from components.spec import Schedule, ServiceSpec
from components.units import Bytes
from components.workload_settings import Path, WorkloadSettings
from components.workloads import own_command, requests_of, workload

MIB = 1024**2


class Settings(WorkloadSettings):
    """Keys of a job."""

    memory: Annotated[Bytes, Field(ge=16 * MIB, description="Hard memory limit of a run.")] = 256 * MIB
    schedule: Annotated[
        CronText,
        Field(
            description="Minute, hour, day, month and weekday as in crontab(5), in local time. A time that "
            "comes during a run, or while the machine is off, is left out."
        ),
    ] = "0 2 * * *"
    script: Annotated[Path, Field(description="Python file in the directory that is run.")] = "main.py"


def requests(settings: Settings) -> Requests:
    """Its database; nobody asks it anything."""
    return requests_of(settings)


def spec(settings: Settings, context: Context) -> ServiceSpec:
    """One job."""
    made = workload(settings, context)
    argv = own_command(settings, made, settings.script)
    if not argv:
        raise LookupError("an image runs at set times by a command of its own: write it as arguments")
    return made.spec(kind="cronjob", description="Job", argv=argv, schedule=Schedule(cron=settings.schedule))
