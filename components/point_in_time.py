"""Every change of a PostgreSQL archived as it is made, by pgBackRest, so that any moment can be restored.

Configuration: https://pgbackrest.org/configuration.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from components.captures import Archive
from components.context import Context
from components.rendering import render
from components.settings import Strict
from components.signals import Panel, Rule
from components.spec import ConfigFile, SecretRef, Task, Volume
from components.units import Count, Seconds

PROGRAM = "pgbackrest"
# What it calls a cluster and its history.
_STANZA = "main"
_FILE = f"{PROGRAM}.conf"
_FIGURE = "pg_stat_archiver_{}{{service='$service'}}"
RULE = Rule(
    name="ArchiveFails",
    # It tries again each minute, and each time is counted.
    expr=f"increase({_FIGURE.format('failed_count')}[10m]) > 0",
    wait=60,
    severity="critical",
    summary="{{ $labels.service }} cannot archive its changes: they can be lost, and they fill its disk",
    remedy="Read what pgbackrest says in its log; most often the disk of the archive is full",
)
PANEL = Panel(
    title="$service: since changes were archived",
    query=_FIGURE.format("last_archive_age"),
    unit="s",
    group="backups",
)


class PointInTime(Strict):
    """How far back, and how close to now."""

    keep: Annotated[
        Count, Field(ge=1, le=100, description="Weeks, each with a whole copy, that a moment may lie back.")
    ] = 2
    lose: Annotated[
        Seconds, Field(ge=1, le=3600, description="A change is in the archive after so long at the latest.")
    ] = 60


def volume(context: Context) -> Volume:
    """Where the archive is kept."""
    return Volume(name="archive", path=context.places.archive)


def environment(context: Context) -> dict[str, str]:
    """How the program, whoever calls it, finds its configuration."""
    return {"PGBACKREST_CONFIG": context.secret_path(_FILE), "PGBACKREST_STANZA": _STANZA}


def configuration(context: Context, moments: PointInTime, settings: Any) -> ConfigFile:
    """Its configuration, with the key of the archive."""
    return ConfigFile(
        path=context.secret_path(_FILE),
        content=render(
            f"postgres/{_FILE}.j2", context=context, moments=moments, settings=settings, stanza=_STANZA
        ),
        # Without it nothing that is archived can be read.
        secrets={"archive": _key(context.service)},
    )


def _key(service: str) -> SecretRef:
    return SecretRef(name=f"{service}-archive", guards=service, volume="archive")


def task(settings: Any) -> Task:
    """Makes the archive, or tells it of another cluster."""
    return Task(name="archive", argv=_script("archive", values={"settings": settings}))


def archive(context: Context, settings: Any) -> Archive:
    """How a whole copy is added, and how a moment is brought back."""
    return Archive(
        knows=_script("knows", values={"settings": settings}),
        base=_script("base"),
        since=_script("since", values={"settings": settings}),
        settle=_script("settle"),
        recover=_script(
            "recover", "{place}", "{moment}", "{branch}", values={"context": context, "settings": settings}
        ),
        place=context.places.data,
    )


def _script(name: str, *arguments: str, values: Mapping[str, object] | None = None) -> tuple[str, ...]:
    return ("sh", "-c", render(f"postgres/{name}.sh.j2", **(values or {})), name, *arguments)
