"""What five stacks write, line by line.

``HEARTH_UPDATE_GOLDEN=1 pytest tests/golden`` writes the files again; the difference is for a person to read.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.rendered import services
from support.stacks import plan, record, stack_file, values

from components.plan_table import as_text
from components.runtimes.native import apply_document

EXPECTED = Path(__file__).parent / "expected"


def files_of(stack: dict[str, Any]) -> dict[str, str]:
    """The plan, and the files of every service with placeholders for its secrets."""
    made = plan(stack)
    found = {"plan.txt": as_text(made) + "\n"}
    for spec in made.services:
        for file in spec.files:
            found[f"{spec.name}/{file.path.rpartition('/')[2]}"] = file.content
    return found


def local() -> dict[str, str]:
    stack = stack_file("local")
    return files_of(stack) | units(stack)


def systemd() -> dict[str, str]:
    stack = {**stack_file("local"), "runtime": "systemd", "systemd": {"scope": "system"}}
    return units(stack)


def macmini() -> dict[str, str]:
    stack = stack_file("macmini")
    return files_of(stack) | units(stack)


def units(stack: dict[str, Any]) -> dict[str, str]:
    runtime, found = services(stack)
    documents = [apply_document(service, runtime.units) for service in found]
    return {
        f"{doc['service']}/{doc['unit']['path'].rpartition('/')[2]}": doc["unit"]["content"]
        for doc in documents
    }


def dev() -> dict[str, str]:
    stack = stack_file("dev")
    containers = record(stack).of_type("docker:index/container:Container")
    return files_of(stack) | {
        f"{found.name.removesuffix('-container')}/container.json": json.dumps(
            found.inputs, indent=2, sort_keys=True
        )
        + "\n"
        for found in containers
    }


def monitored() -> dict[str, str]:
    exporters = ("node", "redis", "postgres", "nginx", "blackbox")
    names = ["redis", "postgres", "nginx", "prometheus", "alertmanager"]
    return files_of(
        values("docker", {name: {} for name in [*names, *(f"{kind}-exporter" for kind in exporters)]})
    )


@pytest.mark.parametrize(
    "render", [local, dev, systemd, macmini, monitored], ids=lambda render: render.__name__
)
def test_files_are_as_expected(render: Callable[[], dict[str, str]]) -> None:
    directory = EXPECTED / render.__name__
    rendered = render()
    if os.environ.get("HEARTH_UPDATE_GOLDEN") == "1":
        shutil.rmtree(directory, ignore_errors=True)
        for name, content in rendered.items():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            (directory / name).write_text(content)
    there = {
        str(path.relative_to(directory)): path.read_text() for path in directory.rglob("*") if path.is_file()
    }
    assert sorted(there) == sorted(rendered)
    for name, content in rendered.items():
        assert content == there[name], name
