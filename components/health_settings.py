"""``hearth:health``: what is too much, how often it is looked at, and who is told."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from components.settings import Strict
from components.units import Count, Seconds

_Percent = Annotated[Count, Field(ge=1, le=100)]


class AlertSettings(Strict):
    """Who is told of what is wrong, and of what is well again."""

    command: Annotated[
        tuple[str, ...] | None,
        Field(
            min_length=1,
            description="Program and arguments; it gets each alert as JSON on its standard input.",
        ),
    ] = None
    webhook: Annotated[
        str | None,
        Field(
            pattern=r"^https?://[^@\s]+$", description="Address that each alert is sent to as JSON, by POST."
        ),
    ] = None
    alertmanager: Annotated[
        bool, Field(description="Tell the stack's Alertmanager, which passes it on as it does the others.")
    ] = False


class HealthSettings(Strict):
    """Thresholds in percent, and how often they are looked at."""

    memory: Annotated[
        _Percent, Field(description="Of the host's memory, and of each service's own limit.")
    ] = 80
    cpu: Annotated[_Percent, Field(description="Of all cores of the host.")] = 80
    disk: Annotated[_Percent, Field(description="Of each disk with data or backups of the stack.")] = 90
    interval: Annotated[
        Seconds,
        Field(ge=1, le=3600, description="Time from one look to the next; the front page is as old at most."),
    ] = 60
    integrity: Annotated[
        Seconds,
        Field(ge=1, description="How often what services keep is looked into: SQLite files and the like."),
    ] = 3600
    alert: Annotated[AlertSettings, Field(description="Besides the log, who is told; nobody if absent.")] = (
        AlertSettings()
    )
