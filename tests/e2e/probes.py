"""Real requests, one for each kind of service."""

from __future__ import annotations

import json

import httpx
import psycopg
import redis

RANDOM_MODEL = "hearth-random-weights"


def redis_answers(url_port: int, password: str) -> bool:
    """SET then GET over the network with the stack's password."""
    client = redis.Redis(port=url_port, password=password, decode_responses=True)
    client.set("hearth:probe", "kept")
    return client.get("hearth:probe") == "kept"


def redis_value(port: int, password: str) -> str | None:
    """What an earlier ``redis_answers`` stored."""
    client = redis.Redis(port=port, password=password, decode_responses=True)
    return client.get("hearth:probe")


def nearest(port: int, password: str, host: str = "127.0.0.1") -> list[int]:
    """Store three vectors as the role ``app`` and ask for the two nearest to one of them."""
    conninfo = f"host={host} port={port} user=app dbname=app password={password}"
    with psycopg.connect(conninfo) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS notes (id int PRIMARY KEY, v vector(3))")
        connection.execute(
            "INSERT INTO notes VALUES (1, '[1,0,0]'), (2, '[0.9,0.1,0]'), (3, '[0,0,1]')"
            " ON CONFLICT DO NOTHING"
        )
        rows = connection.execute("SELECT id FROM notes ORDER BY v <-> '[1,0,0]' LIMIT 2")
        return [row[0] for row in rows]


def streamed_words(base: str, model: str) -> list[str]:
    """The pieces of an answer as they arrive through the front door."""
    body = {"model": model, "prompt": "hello", "options": {"num_predict": 8, "seed": 1}}
    with httpx.stream("POST", f"{base}/ollama/api/generate", json=body, timeout=120) as answer:
        answer.raise_for_status()
        return [json.loads(line)["response"] for line in answer.iter_lines() if line]
