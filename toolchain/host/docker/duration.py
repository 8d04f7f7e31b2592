"""Durations as Go writes them, such as `1m30s`: the form of health check times in Docker's tools."""

import re

UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
PART = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")


def nanoseconds(text: str) -> int:
    """`1m30s` -> 90000000000. The schema has checked the form."""
    return round(sum(float(number) * UNITS[unit] for number, unit in PART.findall(text)))


def written(count: int) -> str:
    """90000000000 -> `1m30s`, in the words of Go's `Duration.String`."""
    if count == 0:
        return "0s"
    for unit in ("ns", "µs", "ms"):
        larger = {"ns": "µs", "µs": "ms", "ms": "s"}[unit]
        if count < UNITS[larger]:
            return f"{_decimal(count, UNITS[unit])}{unit}"
    hours, rest = divmod(count, UNITS["h"])
    minutes, rest = divmod(rest, UNITS["m"])
    seconds = f"{_decimal(rest, UNITS['s'])}s"
    if hours:
        return f"{hours}h{minutes}m{seconds}"
    return f"{minutes}m{seconds}" if minutes else seconds


def _decimal(count: int, unit: int) -> str:
    return f"{count / unit:.9f}".rstrip("0").rstrip(".")
