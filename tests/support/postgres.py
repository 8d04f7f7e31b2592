"""The memory that a PostgreSQL configuration lets the server take."""

from __future__ import annotations

import re

from components.spec import ServiceSpec

_UNITS = {"kB": 1024, "MB": 1024**2, "GB": 1024**3}
# postgresql.conf's own defaults for what a file leaves out.
_DEFAULTS = {"autovacuum_max_workers": 3, "wal_buffers": 16 * 1024**2}


def figures(spec: ServiceSpec) -> dict[str, int]:
    """Every number in ``postgresql.conf``, sizes in bytes."""
    (text,) = [file.content for file in spec.files if file.path.endswith("/postgresql.conf")]
    found = re.findall(r"^(\w+) = (\d+)(kB|MB|GB)?$", text, re.MULTILINE)
    return _DEFAULTS | {name: int(number) * _UNITS.get(unit, 1) for name, number, unit in found}


def busiest(spec: ServiceSpec) -> int:
    """Bytes when every client sorts and every maintenance worker is at work."""
    found = figures(spec)
    autovacuum = found.get("autovacuum_work_mem", found["maintenance_work_mem"])
    return (
        found["shared_buffers"]
        + found["wal_buffers"]
        + found["max_connections"] * found["work_mem"]
        + found["maintenance_work_mem"]
        + found["autovacuum_max_workers"] * autovacuum
    )
