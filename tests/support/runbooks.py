"""The commands of a page in docs/runbooks, as its reader would type them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

RUNBOOKS = Path(__file__).resolve().parents[2] / "docs" / "runbooks"
_BLOCK = re.compile(r"^ *```sh\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


def commands(page: str, replaced: Mapping[str, str]) -> list[str]:
    """Each line of its ``sh`` blocks, with the words of the page's example replaced by those of the test."""
    text = (RUNBOOKS / f"{page}.md").read_text()
    found = [line.strip() for block in _BLOCK.findall(text) for line in block.splitlines() if line.strip()]
    assert found, f"{page}: has no command"
    for word, other in replaced.items():
        found = [re.sub(rf"(?<![\w/.-]){re.escape(word)}(?![\w-])", other, line) for line in found]
    return found
