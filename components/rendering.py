"""Application configuration from ``templates/<service>/*.j2``; an unknown name is an error."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from components.units import format_bytes

TEMPLATES = Path(__file__).parent.parent / "templates"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        # In configuration files it would corrupt quotes and ampersands.
        autoescape=lambda name: name is not None and name.endswith(".html.j2"),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["size"] = format_bytes
    return environment


def render(template: str, **values: Any) -> str:
    """The text of ``templates/<template>`` with ``values``.

    Raises ``jinja2.UndefinedError`` when the template uses a name that was not given.
    """
    return _environment().get_template(template).render(values)
