"""The front page: a report as HTML and as JSON, in files that the front door serves."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from host import files

if TYPE_CHECKING:
    from ops.status import Report

INDEX, DATA, STYLE = "index.html", "status.json", "status.css"
"""As nginx knows them."""


def html(report: Report, interval: int) -> str:
    """The page, which asks for itself again every ``interval`` seconds. What services are called and say is
    escaped.
    """
    from components.rendering import render
    from ops.status import ago

    moment = datetime.fromtimestamp(report.time).astimezone().isoformat(" ", "seconds")
    return render("page/index.html.j2", report=report, interval=interval, moment=moment, ago=ago)


def write(report: Report, root: Path, interval: int) -> None:
    """Put the page where the front door reads it; each file whole, the old or the new one."""
    from components.rendering import TEMPLATES
    from components.runtimes.base import PAGE

    directory = root / PAGE
    files.directory(directory, mode=0o755)
    texts = {
        STYLE: (TEMPLATES / "page" / STYLE).read_text(),
        DATA: json.dumps(asdict(report), ensure_ascii=False),
        INDEX: html(report, interval),
    }
    for name, text in texts.items():
        files.write(directory / name, text.encode(), mode=0o644)
