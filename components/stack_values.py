"""The ``hearth:*`` values of the selected stack, as Pulumi hands them to the program."""

from __future__ import annotations

import json
from typing import Any

from pulumi.runtime import config as runtime_config

from components.errors import ConfigurationError, Problem

_PREFIX = "hearth:"


def _value(key: str, text: str) -> Any:
    # Pulumi passes mappings and lists as JSON, and everything else as plain text.
    if not text.startswith(("{", "[")):
        return text
    try:
        return json.loads(text)
    except ValueError:
        raise ConfigurationError(
            [Problem(key, "is neither plain text nor a whole mapping or list")]
        ) from None


def stack_values() -> dict[str, Any]:
    """Key without prefix to value. The public API can only be asked for keys known beforehand,
    and an unknown key must be refused, not overlooked."""
    values = runtime_config.CONFIG.get() or runtime_config.get_config_env()
    return {
        key.removeprefix(_PREFIX): _value(key, text)
        for key, text in values.items()
        if key.startswith(_PREFIX)
    }
