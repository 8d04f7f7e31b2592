"""What an application has written into its own database, as its own role."""

from __future__ import annotations

from typing import Any

import psycopg

from tests.large.conftest import POSTGRES, Applications


def rows(stack: Applications, database: str, query: str) -> list[tuple[Any, ...]]:
    """The answer of the database that is called as its role is."""
    password = stack.secret(f"postgres-{database}")
    conninfo = f"host=127.0.0.1 port={POSTGRES} user={database} dbname={database} password={password}"
    with psycopg.connect(conninfo) as connection:
        return connection.execute(query).fetchall()
