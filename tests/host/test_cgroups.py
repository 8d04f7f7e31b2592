"""What the kernel counts for a group, in the files of either hierarchy."""

from __future__ import annotations

from pathlib import Path

import pytest

from host import cgroups

MIB = 1024**2


@pytest.mark.parametrize(
    ("hierarchy", "usage", "cache"),
    [("", "memory.current", "inactive_file"), ("memory", "memory.usage_in_bytes", "total_inactive_file")],
)
def test_what_would_be_given_back_does_not_count(
    tmp_path: Path, hierarchy: str, usage: str, cache: str
) -> None:
    group = tmp_path / hierarchy / "system.slice" / "one.service"
    group.mkdir(parents=True)
    (group / usage).write_text(f"{50 * MIB}\n")
    (group / "memory.stat").write_text(f"active_file {MIB}\n{cache} {20 * MIB}\n")
    assert cgroups.memory("/system.slice/one.service", tmp_path) == 30 * MIB


def test_what_is_not_counted_has_no_figure(tmp_path: Path) -> None:
    assert cgroups.memory("/system.slice/none.service", tmp_path) is None
    # A unit that does not run is in no group; the whole machine is not meant.
    (tmp_path / "memory.current").write_text("1")
    (tmp_path / "memory.stat").write_text("inactive_file 0")
    assert cgroups.memory("", tmp_path) is None
