"""Asking a Loki what it keeps."""

from __future__ import annotations

import httpx

Lines = list[tuple[dict[str, str], str]]


def lines(port: int, query: str) -> Lines:
    """Labels and text of each line of the last hour, or of each point of a series."""
    asked = {"query": query, "since": "1h"}
    answer = httpx.get(f"http://127.0.0.1:{port}/loki/api/v1/query_range", params=asked)
    assert answer.status_code == 200, answer.text
    return [
        (found.get("stream", found.get("metric")), text)
        for found in answer.json()["data"]["result"]
        for _, text in found["values"]
    ]
