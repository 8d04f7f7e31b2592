"""Sizes, CPU shares and times as people write them."""

from __future__ import annotations

import pytest

from components.units import format_bytes, format_cpus, parse_bytes, parse_cpus, parse_seconds


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("512MiB", 512 * 1024**2),
        ("512Mi", 512 * 1024**2),
        ("6GiB", 6 * 1024**3),
        ("1.5 GiB", 3 * 1024**3 // 2),
        ("2GB", 2 * 1000**3),
        ("10kB", 10_000),
        ("4096", 4096),
        (4096, 4096),
        ("0", 0),
    ],
)
def test_sizes(text: object, size: int) -> None:
    assert parse_bytes(text) == size


@pytest.mark.parametrize(("text", "cores"), [("500m", 0.5), ("1", 1.0), (2, 2.0), (0.25, 0.25), ("1.5", 1.5)])
def test_cores(text: object, cores: float) -> None:
    assert parse_cpus(text) == pytest.approx(cores)


@pytest.mark.parametrize(
    ("text", "seconds"), [("10m", 600), ("90", 90), (90, 90), ("1h", 3600), ("2d", 172800), ("1500ms", 1)]
)
def test_times(text: object, seconds: int) -> None:
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize(
    "text", ["6gib", "GiB", "-1GiB", "6 G B", "", "1e3", "0x10", True, None, [1], float("nan")]
)
def test_no_size(text: object) -> None:
    with pytest.raises(ValueError, match="for example 512MiB"):
        parse_bytes(text)


@pytest.mark.parametrize("text", ["9" * 400, "9" * 400 + "TiB"])
def test_a_size_beyond_all_numbers_is_refused_like_any_other(text: str) -> None:
    with pytest.raises(ValueError, match="for example 512MiB"):
        parse_bytes(text)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0B"),
        (1023, "1023B"),
        (1024, "1KiB"),
        (1536 * 1024**2, "1.5GiB"),
        (256 * 1024**2, "256MiB"),
        (-64 * 1024**2, "-64MiB"),
        (3 * 1024**4, "3TiB"),
    ],
)
def test_sizes_are_shown_short(size: int, text: str) -> None:
    assert format_bytes(size) == text


def test_cores_are_shown_short() -> None:
    assert [format_cpus(cores) for cores in (None, 0.5, 2.0)] == ["-", "0.5", "2"]
