"""The two repositories that a stack may have."""

from __future__ import annotations

from enum import StrEnum


class Place(StrEnum):
    """Which of them."""

    FIRST = "first"
    SECOND = "second"
