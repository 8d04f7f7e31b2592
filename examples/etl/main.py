"""Nightly: MongoDB -> Parquet -> DuckDB -> Redis, where an API finds the figures."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import redis
from pipeline import figures, of_day, to_parquet
from pymongo import MongoClient

KEPT_SECONDS = 3 * 86400

day = (datetime.now(UTC) - timedelta(days=1)).date()
path = Path(os.environ["DATA_DIR"]) / f"{day}.parquet"
with MongoClient(os.environ["MONGODB_URL"]) as client:
    responses = client.get_default_database()["responses"]
    count = to_parquet(responses.find(of_day(day), {"_id": False}), path)
found = figures(path)
cache = redis.Redis.from_url(os.environ["REDIS_URL"])
cache.set(f"figures:{day}", json.dumps(found), ex=KEPT_SECONDS)
print(f"{day}: {count} responses, {found['users']} users")
