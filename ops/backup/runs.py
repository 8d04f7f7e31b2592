"""How the last run of each kind went: for people, for the doctor, and for an alert."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from components.backup import DIRECTORY
from host import files
from ops.backup.desk import Busy

BACKUP, COPY, DRILL, ARCHIVE = "backup", "copy", "drill", "archive"
_METRIC = "hearth_backup_run_failed"


def read(root: Path) -> dict[str, dict[str, Any]]:
    """Kind to ``time`` since 1970 and ``reason``, the sentence of a failure or ``None``."""
    return json.loads(files.read(_path(root)) or b"{}")


@contextlib.contextmanager
def noted(root: Path, kind: str) -> Iterator[None]:
    """Note how the block ends; whatever it raises is raised on."""
    try:
        yield
    except Busy:
        # The run that is under way notes how it ends itself.
        raise
    except BaseException as error:
        # Where not even this can be written, the age of the last backup is the alert.
        with contextlib.suppress(OSError):
            _note(root, kind, str(error) if isinstance(error, Exception) else "it was stopped")
        raise
    _note(root, kind, None)


def _note(root: Path, kind: str, reason: str | None) -> None:
    if not (root / DIRECTORY).is_dir():
        return
    known = {**read(root), kind: {"time": int(time.time()), "reason": reason}}
    files.write(_path(root), json.dumps(known).encode(), mode=0o600)
    metrics = root / DIRECTORY / "metrics"
    files.directory(metrics, mode=0o755)
    files.write(metrics / "backup_runs.prom", text(known).encode(), mode=0o644)


def text(known: Mapping[str, Mapping[str, Any]]) -> str:
    """The record as a metric of each kind."""
    lines = [f"# HELP {_METRIC} Whether the last run failed.", f"# TYPE {_METRIC} gauge"]
    lines += [f'{_METRIC}{{run="{kind}"}} {int(run["reason"] is not None)}' for kind, run in known.items()]
    return "".join(f"{line}\n" for line in lines)


def _path(root: Path) -> Path:
    return root / DIRECTORY / "runs.json"
