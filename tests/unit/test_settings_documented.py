"""Every key of a stack file explains itself, in the sentence that an editor shows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydantic import BaseModel
from support.stacks import OWN

from components.catalog import entries
from components.config import HostBudget, LaunchdSettings, StackConfig, SystemdSettings


def models() -> Iterator[type[BaseModel]]:
    """Every class that a stack file fills, nested ones too."""
    own = [StackConfig, HostBudget, LaunchdSettings, SystemdSettings]
    waiting = [*own, *(entry.settings for entry in entries().values())]
    seen: set[type] = set()
    while waiting:
        model = waiting.pop()
        if model in seen:
            continue
        seen.add(model)
        yield model
        for field in model.model_fields.values():
            inner = getattr(field.annotation, "__args__", ())
            waiting += [kind for kind in inner if isinstance(kind, type) and issubclass(kind, BaseModel)]


@pytest.mark.parametrize(
    ("model", "key"),
    [(model, key) for model in models() for key, field in model.model_fields.items() if not field.exclude],
    ids=lambda value: value if isinstance(value, str) else f"{value.__module__}.{value.__name__}",
)
def test_every_key_is_described_in_a_sentence(model: type[BaseModel], key: str) -> None:
    description = model.model_fields[key].description
    assert description
    assert description.endswith(".")


@pytest.mark.parametrize("kind", sorted(entries()))
def test_every_service_runs_with_its_defaults(kind: str) -> None:
    entries()[kind].settings.model_validate(OWN.get(kind, {}))


@pytest.mark.parametrize("kind", sorted(entries()))
def test_every_service_describes_itself(kind: str) -> None:
    assert entries()[kind].description
