"""What the documentation cites exists: every test by its name, every file by its path."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest
from support.stacks import REPOSITORY

PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
CITED = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
LINKED = re.compile(r"\]\((?!https?:|#)([^)#]+)")
SYSTEMS = sorted(
    path.stem for path in (REPOSITORY / "docs" / "systems").glob("*.md") if path.stem != "README"
)


@cache
def names_in(path: Path) -> set[str]:
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_every_test_that_a_page_cites_exists(page: Path) -> None:
    for file, name in CITED.findall(page.read_text()):
        assert (REPOSITORY / file).is_file(), file
        assert not name or name in names_in(REPOSITORY / file), f"{file}::{name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in LINKED.findall(page.read_text()):
        assert (page.parent / link).exists(), link


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_page_has_its_stack_and_its_plan(system: str) -> None:
    assert (REPOSITORY / f"Pulumi.{system}.yaml").is_file()
    assert (REPOSITORY / "docs" / "plans" / f"{system}.txt").is_file()


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_requirement_is_shown_or_open(system: str) -> None:
    """A row that says what meets a requirement says what shows it, too."""
    for line in (REPOSITORY / "docs" / "systems" / f"{system}.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("| ") or len(cells) != 3 or cells[0].startswith(("the document", "**")):
            continue
        _, met, shown = cells
        assert shown or "**open" in met or "owner's" in met or met.startswith("not for"), line
