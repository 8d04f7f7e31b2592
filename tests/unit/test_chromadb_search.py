"""Whether a ChromaDB finds what it holds, by its answers."""

from __future__ import annotations

from typing import Any

import pytest

from components.catalog import chromadb


def asked(distances: list[float], space: str = "l2", vectors: int = 1) -> list[str]:
    """What is found where the nearest vectors are so far away."""

    def ask(path: str, question: object) -> Any:
        place = path.removeprefix("/api/v2/tenants/default_tenant/databases")
        if place == "":
            return [{"name": "a b"}]
        if place == "/a%20b/collections":
            return [{"id": "1", "name": "notes", "configuration_json": {"hnsw": {"space": space}}}]
        if place == "/a%20b/collections/1/get":
            return {"ids": ["x"] * vectors, "embeddings": [[1.0, 0.5]] * vectors}
        assert place == "/a%20b/collections/1/query"
        assert isinstance(question, dict) and question["query_embeddings"] == [[1.0, 0.5]]
        return {"distances": [distances]}

    return list(chromadb.found(ask))


def test_a_vector_is_nearest_to_itself() -> None:
    assert asked([1e-7]) == ["finds 1 vectors in the collection notes"]


@pytest.mark.parametrize("distances", [[], [0.2]])
def test_one_that_is_not_found_is_told(distances: list[float]) -> None:
    with pytest.raises(ValueError, match="does not find a vector of the collection notes"):
        asked(distances)


def test_by_the_inner_product_others_may_be_nearer() -> None:
    assert asked([-3.0], "ip")
    with pytest.raises(ValueError, match="does not find"):
        asked([], "ip")


def test_an_empty_collection_has_nothing_to_find() -> None:
    assert asked([], vectors=0) == ["finds 0 vectors in the collection notes"]
