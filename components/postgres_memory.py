"""How a PostgreSQL spends its memory. Sizes are bytes.

https://www.postgresql.org/docs/current/runtime-config-resource.html
"""

from __future__ import annotations

KIB, MIB = 1024, 1024**2
# With less than this for a sort the server does not start.
_LEAST_WORK = 64 * KIB
_AUTOVACUUM_WORKERS = 3
_WAL_BUFFERS = 16 * MIB


def _fixed(memory: int) -> int:
    """Bytes that are taken however many clients there are; a sixteenth is for the processes themselves."""
    return memory // 4 + memory // 16 + _WAL_BUFFERS + (1 + _AUTOVACUUM_WORKERS) * (memory // 16)


def most_clients(memory: int) -> int:
    """How many clients at once can all sort."""
    return (memory - _fixed(memory)) // _LEAST_WORK


def tuning(memory: int, clients: int) -> dict[str, str]:
    """Settings whose sum stays below the limit when every client and worker is busy."""
    # Half of what is left: a query may sort more than once.
    work = (memory - _fixed(memory)) // 2 // clients
    return {
        "shared_buffers": f"{memory // 4 // MIB}MB",
        "wal_buffers": f"{_WAL_BUFFERS // MIB}MB",
        "effective_cache_size": f"{memory * 3 // 4 // MIB}MB",
        "maintenance_work_mem": f"{memory // 16 // MIB}MB",
        "autovacuum_max_workers": str(_AUTOVACUUM_WORKERS),
        "work_mem": f"{max(_LEAST_WORK, work) // KIB}kB",
        "max_wal_size": f"{max(256, min(4096, memory // MIB))}MB",
        "min_wal_size": "80MB",
    }
