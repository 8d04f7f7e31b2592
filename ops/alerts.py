"""Telling somebody of what is wrong, and of what is well again."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ops.errors import Failure
from ops.health_log import Known

if TYPE_CHECKING:
    from components.health_settings import HealthSettings

_SECONDS = 30
_FORGOTTEN = timedelta(minutes=5)
"""Alertmanager forgets an alert that nobody repeats for so long, or for three looks."""


@dataclass(frozen=True)
class Channel:
    """One way to tell. ``repeats`` wants to be told again at every look."""

    name: str
    tell: Callable[[Known], None]
    repeats: bool = False


def document(stack: str, one: Known) -> dict[str, Any]:
    """An alert for a program: ``event`` is ``over`` or ``well``, ``since`` when that began."""
    return {
        "stack": stack,
        "event": "over" if one.over else "well",
        "kind": one.kind,
        "subject": one.subject,
        "text": one.text,
        "since": _time(datetime.fromtimestamp(one.since, UTC)),
    }


def channels(stack: str, settings: HealthSettings, alertmanager: str | None) -> list[Channel]:
    """Whoever the stack file names; ``alertmanager`` is the address of the stack's own."""
    asked, found = settings.alert, []
    if asked.command:
        found.append(Channel("command", lambda one: _run(list(asked.command or ()), document(stack, one))))
    if asked.webhook:
        found.append(Channel("webhook", lambda one: _post(str(asked.webhook), document(stack, one))))
    if asked.alertmanager and alertmanager:
        url, lasts = (
            f"http://{alertmanager}/api/v2/alerts",
            max(_FORGOTTEN, 3 * timedelta(seconds=settings.interval)),
        )
        found.append(
            Channel(
                "alertmanager", lambda one: _post(url, [_for_alertmanager(stack, one, lasts)]), repeats=True
            )
        )
    return found


def _run(argv: list[str], value: Any) -> None:
    try:
        done = subprocess.run(
            argv, input=json.dumps(value), text=True, capture_output=True, check=False, timeout=_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Failure(f"hearth:health.alert.command: {argv[0]}: {error}") from None
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        why = lines[-1] if lines else f"exit status {done.returncode}"
        raise Failure(f"hearth:health.alert.command: {argv[0]}: {why}")


def _post(url: str, value: Any) -> None:
    import httpx

    # The path of a webhook is often its password.
    where = httpx.URL(url).host
    try:
        answer = httpx.post(url, json=value, timeout=_SECONDS)
    except httpx.HTTPError as error:
        raise Failure(f"hearth:health.alert: {where} does not answer ({type(error).__name__})") from None
    if answer.is_error:
        raise Failure(f"hearth:health.alert: {where} answers with status {answer.status_code}")


def _for_alertmanager(stack: str, one: Known, lasts: timedelta) -> dict[str, Any]:
    """In the form of https://prometheus.io/docs/alerting/latest/clients/."""
    now = datetime.now(UTC)
    names = {"host": "host", "disk": "disk"}
    label = names.get(one.kind) or names.get(one.subject) or "service"
    return {
        "labels": {
            "alertname": f"Hearth{one.kind.capitalize()}",
            "stack": stack,
            "severity": "warning" if one.kind in ("memory", "cpu") else "critical",
            label: one.subject,
        },
        "annotations": {"summary": one.text},
        # It is told anew what ended, and when that began does not matter then.
        **({"startsAt": _time(datetime.fromtimestamp(one.since, UTC))} if one.over else {}),
        "endsAt": _time(now + lasts if one.over else now),
    }


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
