"""Sizes, CPU shares and times as people write them: ``6GiB``, ``500m``, ``10m``.

Suffixes follow the Kubernetes and systemd habit: binary suffixes are powers of 1024, decimal
ones powers of 1000; a bare number is bytes, cores or seconds.
"""

from __future__ import annotations

import math
import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

_SIZES = {
    "": 1, "B": 1,
    "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3, "TiB": 1024**4,
    "Ki": 1024, "Mi": 1024**2, "Gi": 1024**3, "Ti": 1024**4,
    "kB": 1000, "KB": 1000, "MB": 1000**2, "GB": 1000**3, "TB": 1000**4,
}  # fmt: skip
_TIMES = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_NUMBER = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)")


def _parse(value: Any, suffixes: dict[str, float], example: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError(f"write a number with a unit, for example {example}")
    match = _NUMBER.fullmatch(str(value).strip())
    if match is None or match[2] not in suffixes or math.isinf(float(match[1]) * suffixes[match[2]]):
        units = ", ".join(suffix for suffix in suffixes if suffix)
        raise ValueError(f"write a number with one of {units}, for example {example}")
    return float(match[1]) * suffixes[match[2]]


def parse_bytes(value: Any) -> int:
    """Bytes of ``6GiB``. Raises ``ValueError`` for anything that is not a size."""
    return int(_parse(value, _SIZES, "512MiB"))


def parse_cpus(value: Any) -> float:
    """Cores of ``500m`` or ``0.5``. Raises ``ValueError`` for anything else."""
    return _parse(value, {"": 1.0, "m": 0.001}, "500m or 0.5")


def parse_seconds(value: Any) -> int:
    """Whole seconds of ``10m``. Raises ``ValueError`` for anything else."""
    return int(_parse(value, _TIMES, "10m"))


def format_bytes(size: int) -> str:
    """The shortest exact or one-decimal binary form: ``1.5GiB``, ``256MiB``, ``-64MiB``."""
    for suffix in ("TiB", "GiB", "MiB", "KiB"):
        if abs(size) >= _SIZES[suffix]:
            return f"{size / _SIZES[suffix]:.1f}".removesuffix(".0") + suffix
    return f"{size}B"


def format_cpus(cpus: float | None) -> str:
    """``0.5`` or ``-`` where there is no limit."""
    return "-" if cpus is None else f"{cpus:g}"


def _schema(pattern: str, example: str) -> WithJsonSchema:
    return WithJsonSchema({"type": ["string", "number"], "pattern": pattern, "examples": [example]})


Bytes = Annotated[
    int,
    BeforeValidator(parse_bytes),
    Field(gt=0),
    _schema(r"^\d+(\.\d+)?\s*([KMGT]iB?|[kKMGT]B|B)?$", "512MiB"),
]
Cpus = Annotated[
    float, BeforeValidator(parse_cpus), Field(gt=0, le=1024), _schema(r"^\d+(\.\d+)?m?$", "500m")
]
Seconds = Annotated[
    int, BeforeValidator(parse_seconds), Field(ge=0), _schema(r"^\d+(\.\d+)?(ms|s|m|h|d)?$", "10m")
]
# YAML's true is no number, though Python would count it as 1.
Count = Annotated[int, Field(strict=True)]
PortNumber = Annotated[Count, Field(ge=1, le=65535)]
