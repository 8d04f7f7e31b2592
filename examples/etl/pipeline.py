"""From documents to figures: a Parquet file of yesterday's responses, asked by DuckDB.

Every step takes and gives plain values, so that each can be tried alone.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import duckdb
import pyarrow
import pyarrow.parquet

SCHEMA = pyarrow.schema(
    [("user", pyarrow.string()), ("text", pyarrow.string()), ("at", pyarrow.timestamp("ms", tz="UTC"))]
)
_BATCH = 10_000
QUESTIONS = {
    "responses": "SELECT count(*) FROM responses",
    "users": "SELECT count(DISTINCT user) FROM responses",
    "average_length_by_user": (
        "SELECT user, round(avg(length(text)), 1) FROM responses GROUP BY user ORDER BY user"
    ),
}


def of_day(day: date) -> dict:
    """The filter for documents of one day, in UTC."""
    start = datetime.combine(day, time(), tzinfo=UTC)
    return {"at": {"$gte": start, "$lt": start + timedelta(days=1)}}


def to_parquet(documents: Iterable[Mapping], path: Path) -> int:
    """Write documents with ``user``, ``text`` and ``at``; whole or not at all. Returns how many."""
    partial = path.with_suffix(".partial")
    count, batch = 0, []
    with pyarrow.parquet.ParquetWriter(partial, SCHEMA) as writer:
        for document in documents:
            batch.append({key: document[key] for key in SCHEMA.names})
            if len(batch) == _BATCH:
                writer.write_batch(pyarrow.RecordBatch.from_pylist(batch, SCHEMA))
                count, batch = count + len(batch), []
        writer.write_batch(pyarrow.RecordBatch.from_pylist(batch, SCHEMA))
    partial.replace(path)
    return count + len(batch)


def figures(path: Path) -> dict:
    """What the file says: a number for each question, or a mapping of the first column to the second."""
    with duckdb.connect() as connection:
        connection.execute(f"CREATE VIEW responses AS SELECT * FROM read_parquet('{path}')")
        found = {}
        for name, question in QUESTIONS.items():
            rows = connection.execute(question).fetchall()
            found[name] = dict(rows) if len(rows[:1]) and len(rows[0]) == 2 else (rows[0][0] if rows else {})
        return found
