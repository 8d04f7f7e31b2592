"""``package`` with a lock: exactly these packages, also those of before, and a note when they change."""

from __future__ import annotations

import zipfile
from pathlib import Path

from host.packages import links
from tests.host.machine import Machine


def _wheel(directory: Path, version: str) -> None:
    name, info = "hearth_tool", f"hearth_tool-{version}.dist-info"
    with zipfile.ZipFile(directory / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        program = zipfile.ZipInfo(f"{name}/bin/hearth-tool")
        program.external_attr = 0o100755 << 16
        wheel.writestr(program, f"#!/bin/sh\necho hearth-tool {version}\n")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


def _asked(root: Path, version: str, locked: str | None = None) -> dict:
    document = {
        "root": str(root),
        "name": "tool",
        "programs": ["hearth-tool"],
        "pypi": f"hearth_tool=={version}",
        "pypi_bin": "hearth_tool/bin",
        "probe": ["sh", "-c", f"hearth-tool | grep -q {version}"],
    }
    if locked:
        document["locked"] = {"source": "pypi", "versions": {"hearth_tool": locked}, "digests": {}}
    return document


def test_a_lock_brings_earlier_programs_back_whatever_is_asked_for(
    machine: Machine, root: Path, tmp_path: Path
) -> None:
    machine.env |= {"PIP_FIND_LINKS": str(tmp_path), "PIP_NO_INDEX": "1"}
    for version in ("1.0", "2.0"):
        _wheel(tmp_path, version)
    noted = links.generation_path(root, "tool")

    def result(document: dict) -> str:
        done = machine.verb("package", document=document)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    assert result(_asked(root, "1.0")) == "hearth-tool 1.0 from pypi"
    # A lock of what is there changes nothing, and neither does the first installation.
    assert result(_asked(root, "1.0", locked="1.0")) == "hearth-tool 1.0 from pypi"
    assert not noted.exists()
    assert result(_asked(root, "2.0")) == "hearth-tool 2.0 from pypi"
    assert noted.read_text() == "hearth_tool 2.0"
    for wheel in tmp_path.glob("*.whl"):
        wheel.unlink()
    assert result(_asked(root, "2.0", locked="1.0")) == "hearth-tool 1.0 from pypi"
    assert noted.read_text() == "hearth_tool 1.0"

    done = machine.verb("package", document=_asked(root, "2.0", locked="3.0"))
    assert done.returncode == 1
    assert "has hearth_tool 1.0, and hearth_tool 3.0 is locked" in done.stderr
    assert "`./hearth upgrade` moves what is locked" in done.stderr


def test_another_version_than_the_machine_has_is_refused(machine: Machine, root: Path) -> None:
    locked = {"source": "brew", "versions": {"redis": "7.0.15"}, "digests": {}}
    document = {"root": str(root), "name": "redis", "programs": ["redis-server"], "locked": locked}
    done = machine.verb("package", document=document)
    assert done.returncode == 1
    assert "has redis-server " in done.stderr
    assert "redis 7.0.15 is locked" in done.stderr
