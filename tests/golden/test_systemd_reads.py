"""systemd itself reads the units, and says how much they still expose."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
from support.rendered import services
from support.stacks import STACK, everything, kinds
from support.tools import call, tool, unit_errors

MOST = 2.0


def units(scope: str, root: Path) -> dict[str, str]:
    """Every service's unit, and stand-ins for the programs: systemd looks whether they can be run."""
    stack = {**everything(f"systemd-{scope}"), "data": str(root)}
    # With models it wants a GPU, for which its unit is opened a little.
    stack["services"]["ollama"] = {"models": ["llama3.2:1b"]}
    runtime, found = services(stack)
    (root / "bin").mkdir(parents=True)
    for service in found:
        program = Path(service.argv[0])
        if program.parent == root / "bin":
            program.write_text("#!/bin/sh\n")
            program.chmod(0o755)
    texts = {runtime.units.path(service): runtime.units.render(service) for service in found}
    for service in found:
        texts |= runtime.units.beside(service)
    return {path.rpartition("/")[2]: text for path, text in texts.items()}


@pytest.mark.parametrize("scope", ["user", "system"])
def test_units_are_accepted_without_a_word(scope: str, tmp_path: Path) -> None:
    assert unit_errors(units(scope, tmp_path / "root"), tmp_path, scope) == ""


@pytest.mark.parametrize("scope", ["user", "system"])
def test_a_mistake_would_be_noticed(scope: str, tmp_path: Path) -> None:
    found = {
        name: text.replace("MemoryMax=", "MemroyMax=")
        for name, text in units(scope, tmp_path / "root").items()
    }
    assert re.search(r"Unknown key( name)? 'MemroyMax'", unit_errors(found, tmp_path, scope))


@cache
def exposures(directory: Path) -> dict[str, float]:
    """Unit to its exposure, from 0 (none) to 10."""
    found = {}
    for name, text in units("system", directory / "root").items():
        if name.endswith(".timer"):
            continue
        (directory / name).write_text(text)
        said = call(
            tool("systemd-analyze"), "security", "--offline=true", "--no-pager", directory / name
        ).stdout
        found[name] = float(re.search(r"Overall exposure level for \S+: ([\d.]+)", said)[1])
    return found


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    return exposures(tmp_path_factory.mktemp("exposure"))


@pytest.mark.parametrize("service", kinds("systemd-system"))
def test_system_units_expose_little(service: str, measured: dict[str, float]) -> None:
    (exposure,) = [
        level
        for name, level in measured.items()
        if name.removesuffix(".service").removesuffix(".job") == f"hearth-{STACK}-{service}"
    ]
    assert exposure <= MOST
