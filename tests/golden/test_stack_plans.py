"""Every stack of the project: its plan as docs/plans shows it, and each of its parts switched off alone.

``HEARTH_UPDATE_GOLDEN=1 pytest tests/golden/test_stack_plans.py`` writes the tables again.
"""

from __future__ import annotations

import os
import re
from typing import Any

import pytest
from support.stacks import GIB, REPOSITORY, facts, plan, record, stack_file

from components.errors import ConfigurationError
from components.plan_table import as_text

STACKS = sorted(path.name.split(".")[1] for path in REPOSITORY.glob("Pulumi.*.yaml"))
PARTS = [(stack, part) for stack in STACKS for part in stack_file(stack)["services"]]
# Where a stack measures its host: a machine that is large enough for all of them.
HOST = facts(memory=32 * GIB, cpus=16.0)


def without(stack: str, part: str) -> dict[str, Any]:
    values = stack_file(stack)
    services = {name: settings for name, settings in values["services"].items() if name != part}
    images = {name: image for name, image in values.get("images", {}).items() if name != part}
    return {**values, "services": services, "images": images}


@pytest.mark.parametrize("stack", STACKS)
def test_the_plan_is_the_one_that_the_documentation_shows(stack: str) -> None:
    page = REPOSITORY / "docs" / "plans" / f"{stack}.txt"
    text = as_text(plan(stack_file(stack), HOST, stack)) + "\n"
    if os.environ.get("HEARTH_UPDATE_GOLDEN") == "1":
        page.parent.mkdir(exist_ok=True)
        page.write_text(text)
    assert page.read_text() == text


@pytest.mark.parametrize("stack", STACKS)
def test_every_service_of_a_stack_becomes_resources(stack: str) -> None:
    recorder = record(stack_file(stack), HOST)
    assert {found.name for found in recorder if found.type.startswith("hearth:service:")} >= {
        spec.declared for spec in plan(stack_file(stack), HOST).services
    }


@pytest.mark.parametrize(("stack", "part"), PARTS)
def test_each_part_is_switched_off_alone_or_whoever_needs_it_is_named(stack: str, part: str) -> None:
    try:
        left = plan(without(stack, part), HOST, stack)
    except ConfigurationError as error:
        # One sentence for each that needs it, and nothing else is wrong.
        assert len({problem.path for problem in error.problems}) == len(error.problems)
        assert all(
            re.search(rf"needs {part}, |needs a (database|service)", p.message) for p in error.problems
        )
    else:
        assert part not in {spec.name for spec in left.services}
