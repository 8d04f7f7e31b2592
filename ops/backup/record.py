"""When each service was last backed up and drilled: for people, and for Prometheus.

The file of metrics is in the form that node_exporter's textfile collector reads:
https://github.com/prometheus/node_exporter#textfile-collector
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from components.backup import DIRECTORY
from host import files
from ops.backup.manifest import Manifest

_METRICS = {
    ("backup", "time"): (
        "hearth_backup_last_success_timestamp_seconds",
        "When the last backup was complete.",
    ),
    ("backup", "bytes"): ("hearth_backup_last_bytes", "Size of what the last backup has of the service."),
    ("drill", "time"): ("hearth_drill_last_success_timestamp_seconds", "When a backup was last restored."),
    ("drill", "seconds"): ("hearth_drill_last_seconds", "How long that took."),
    ("moment", "time"): (
        "hearth_moment_last_success_timestamp_seconds",
        "When an archive of changes was last brought to a moment.",
    ),
    ("moment", "seconds"): ("hearth_moment_last_seconds", "How long that took."),
}


def read(root: Path) -> dict[str, dict[str, dict[str, float]]]:
    """Service to ``backup`` and ``drill`` to figures: ``time`` since 1970, ``bytes``, ``seconds``."""
    return json.loads(files.read(_path(root)) or b"{}")


def backed_up(root: Path, taken: Manifest) -> None:
    """Note a complete backup."""
    parts = taken.services.items()
    _note(root, "backup", ((name, {"bytes": part.size, "seconds": part.seconds}) for name, part in parts))


def drilled(root: Path, seconds: Mapping[str, float]) -> None:
    """Note that services were restored from a backup, and how long each took."""
    _note(root, "drill", ((name, {"seconds": taken}) for name, taken in seconds.items()))


def reached(root: Path, seconds: Mapping[str, float]) -> None:
    """Note that archives of changes were brought to a moment, and how long each took."""
    _note(root, "moment", ((name, {"seconds": taken}) for name, taken in seconds.items()))


def _note(root: Path, what: str, found: Iterable[tuple[str, dict[str, float]]]) -> None:
    known: dict[str, Any] = read(root)
    for service, figures in found:
        known.setdefault(service, {})[what] = {"time": int(time.time()), **figures}
    files.write(_path(root), json.dumps(known).encode(), mode=0o600)
    metrics = root / DIRECTORY / "metrics"
    files.directory(metrics, mode=0o755)
    files.write(metrics / "backup.prom", text(known).encode(), mode=0o644)


def text(known: dict[str, dict[str, dict[str, float]]]) -> str:
    """The record as metrics."""
    lines = []
    for (what, key), (name, help_text) in _METRICS.items():
        values = {
            service: each[what][key] for service, each in sorted(known.items()) if key in each.get(what, {})
        }
        if values:
            lines += [f"# HELP {name} {help_text}", f"# TYPE {name} gauge"]
            lines += [f'{name}{{service="{service}"}} {value}' for service, value in values.items()]
    return "".join(f"{line}\n" for line in lines)


def _path(root: Path) -> Path:
    return root / DIRECTORY / "record.json"
