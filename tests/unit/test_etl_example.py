"""The nightly pipeline's own steps, with documents from a list instead of a database."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import ModuleType

import pyarrow.parquet
import pytest
from support.stacks import REPOSITORY

DAY = date(2026, 3, 1)


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(REPOSITORY / "examples" / "etl"))
    sys.modules.pop("pipeline", None)
    import pipeline

    return pipeline


def document(user: str, text: str, hours: float = 1) -> dict[str, object]:
    at = datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC) + timedelta(hours=hours)
    return {"user": user, "text": text, "at": at, "more": "left out"}


def test_documents_become_figures(pipeline: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "day.parquet"
    documents = [document("ann", "four"), document("ann", "sixsix"), document("bob", "ten letters")]
    assert pipeline.to_parquet(iter(documents), path) == 3
    assert pyarrow.parquet.read_schema(path).names == ["user", "text", "at"]
    assert pipeline.figures(path) == {
        "responses": 3,
        "users": 2,
        "average_length_by_user": {"ann": 5.0, "bob": 11.0},
    }


def test_more_than_one_batch_is_one_file(pipeline: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "day.parquet"
    assert pipeline.to_parquet((document(f"user{n % 7}", "x") for n in range(25_000)), path) == 25_000
    assert pipeline.figures(path)["responses"] == 25_000
    assert pipeline.figures(path)["users"] == 7


def test_a_day_without_responses_has_figures_too(pipeline: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "day.parquet"
    assert pipeline.to_parquet(iter([]), path) == 0
    assert pipeline.figures(path) == {"responses": 0, "users": 0, "average_length_by_user": {}}


def test_a_pipeline_that_is_cut_short_leaves_the_file_of_before(pipeline: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "day.parquet"
    pipeline.to_parquet(iter([document("ann", "four")]), path)
    with pytest.raises(KeyError):
        pipeline.to_parquet(iter([document("bob", "four"), {}]), path)
    assert pipeline.figures(path)["responses"] == 1


def test_a_day_is_from_midnight_to_midnight(pipeline: ModuleType) -> None:
    asked = pipeline.of_day(DAY)["at"]
    assert asked["$lt"] - asked["$gte"] == timedelta(days=1)
    assert asked["$gte"] <= document("ann", "x", hours=0)["at"]
    assert not document("ann", "x", hours=24)["at"] < asked["$lt"]
