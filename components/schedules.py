"""When a service runs that ends by itself: cron text, and what each supervisor makes of it.

Five fields as in crontab(5), in the host's local time. systemd and launchd keep the time themselves;
elsewhere a small shell script does (``templates/schedule/schedule.sh.j2``), beside the program and
within its limits, so that nothing but a shell is asked of an image. A run is never started while the
one before goes on, and one that was missed is not made up for: it comes again at its next time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import product
from typing import Annotated, Literal

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator

from components.context import Places
from components.rendering import render
from components.spec import ConfigFile, ServiceSpec, Volume

SCRIPT = "schedule.sh"
RECORD = "last-run.json"
"""In the service's data: ``{"started": UNIX_TIME, "seconds": 3, "exit": 0, "process": 42}`` of the last."""
_DAY_NAMES = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")
_EXAMPLE = "for example 0 2 * * * for two o'clock every night"
Keeper = Literal["keep", "once"]
"""Whether the script keeps the time itself, or makes one run and ends."""


@dataclass(frozen=True, kw_only=True)
class Times:
    """The values of each field, rising. Sunday is 0."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]
    either: bool
    """Day of the month and day of the week are both restricted: one of them is enough."""


def times(cron: str) -> Times:
    """What ``cron`` says. Raises ``ValueError`` with the way to write it."""
    try:
        found = CronSim(cron, datetime(2000, 1, 1))
    except CronSimError as error:
        raise ValueError(f"{str(error)[:1].lower()}{str(error)[1:]}: write five fields, {_EXAMPLE}") from None
    if len(cron.split()) != 5:
        raise ValueError(f"wrong number of fields: write five, {_EXAMPLE}")
    if any(not isinstance(day, int) or day < 0 for day in (*found.days, *found.weekdays)):
        raise ValueError("L and # are not known to every supervisor: write days as numbers")
    return Times(
        minutes=tuple(sorted(found.minutes)),
        hours=tuple(sorted(found.hours)),
        days=tuple(sorted(found.days)),
        months=tuple(sorted(found.months)),
        weekdays=tuple(sorted({day % 7 for day in found.weekdays})),
        either=not found.day_and,
    )


def _checked(cron: str) -> str:
    times(cron)
    return " ".join(cron.split())


CronText = Annotated[str, AfterValidator(_checked)]


def _listed(values: Sequence[int], every: int) -> str:
    return "*" if len(values) == every else ",".join(f"{value:02}" for value in values)


def on_calendar(cron: str) -> tuple[str, ...]:
    """The events of systemd.time(7); any of them starts a run."""
    at = times(cron)
    clock = f"{_listed(at.hours, 24)}:{_listed(at.minutes, 60)}:00"
    months, days = _listed(at.months, 12), _listed(at.days, 31)
    names = ",".join(_DAY_NAMES[day] for day in at.weekdays)
    week = "" if len(at.weekdays) == 7 else f"{names} "
    if at.either:
        return (f"*-{months}-{days} {clock}", f"{week}*-{months}-* {clock}")
    return (f"{week}*-{months}-{days} {clock}",)


def calendar_intervals(cron: str) -> list[dict[str, int]]:
    """``StartCalendarInterval`` of launchd.plist(5); a key that is absent means every."""
    at = times(cron)
    fields = {"Minute": (at.minutes, 60), "Hour": (at.hours, 24), "Month": (at.months, 12)}
    by_day, by_weekday = {"Day": (at.days, 31)}, {"Weekday": (at.weekdays, 7)}
    wanted = [fields | by_day, fields | by_weekday] if at.either else [fields | by_day | by_weekday]
    found = []
    for choice in wanted:
        kept = {key: values for key, (values, every) in choice.items() if len(values) < every}
        found += [dict(zip(kept, values, strict=True)) for values in product(*kept.values())]
    return found


def with_keeper(spec: ServiceSpec, places: Places) -> ServiceSpec:
    """``spec`` with the script that runs it, and somewhere to keep how its last run went."""
    if spec.schedule is None:
        return spec
    at = times(spec.schedule.cron)
    signal = spec.process.stop_signal.removeprefix("SIG")
    script = render("schedule/schedule.sh.j2", service=spec.name, at=at, signal=signal)
    has_data = any(volume.path == places.data for volume in spec.volumes)
    return replace(
        spec,
        files=(*spec.files, ConfigFile(path=f"{places.config}/{SCRIPT}", content=script, executable=True)),
        volumes=spec.volumes if has_data else (*spec.volumes, Volume(name="data", path=places.data)),
    )


def kept(argv: Sequence[str], places: Places, keeper: Keeper) -> list[str]:
    """The command line that runs ``argv`` at its times, or once, and keeps how it went."""
    return ["/bin/sh", f"{places.config}/{SCRIPT}", keeper, f"{places.data}/{RECORD}", *argv]
