"""Sizes and times, whatever they are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from components.units import format_bytes, parse_bytes, parse_cpus, parse_seconds

BINARY = {"KiB": 1024, "MiB": 1024**2, "GiB": 1024**3, "TiB": 1024**4}


@given(st.integers(1, 1023), st.sampled_from(sorted(BINARY)))
def test_a_whole_size_is_shown_and_read_alike(count: int, unit: str) -> None:
    size = count * BINARY[unit]
    assert format_bytes(size) == f"{count}{unit}"
    assert parse_bytes(format_bytes(size)) == size


@given(st.integers(0, 1 << 50))
def test_any_size_is_read_back_within_what_one_decimal_can_say(size: int) -> None:
    assert abs(parse_bytes(format_bytes(size)) - size) <= size * 0.05


@given(st.integers(0, 1 << 52))
def test_a_bare_number_is_bytes(size: int) -> None:
    assert parse_bytes(size) == parse_bytes(str(size)) == parse_bytes(f"{size}B") == size


@given(st.one_of(st.text(), st.floats(), st.integers(), st.none(), st.binary(), st.lists(st.integers())))
def test_anything_is_a_size_or_a_value_error(value: object) -> None:
    for parse in (parse_bytes, parse_cpus, parse_seconds):
        try:
            assert parse(value) >= 0
        except ValueError as error:
            assert "for example" in str(error)


@given(st.from_regex(r"[0-9]{1,400}(\.[0-9]{1,20})?(B|[KMGT]iB|[kMGT]B)?", fullmatch=True))
def test_any_number_of_digits_is_a_size_or_a_value_error(text: str) -> None:
    try:
        assert parse_bytes(text) >= 0
    except ValueError as error:
        assert "for example" in str(error)
