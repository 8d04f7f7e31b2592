"""Application configuration from ``templates/<service>/*.j2``; an unknown name is an error."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

TEMPLATES = Path(__file__).parent.parent / "templates"


@cache
def _environment() -> Environment:
    # Configuration files, not HTML: autoescaping would corrupt quotes and ampersands.
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def render(template: str, **values: Any) -> str:
    """The text of ``templates/<template>`` with ``values``.

    Raises ``jinja2.UndefinedError`` when the template uses a name that was not given.
    """
    return _environment().get_template(template).render(values)
