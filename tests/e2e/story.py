"""What must be true of a stack whatever runs it."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable
from typing import Any

from components import deployments
from tests.e2e.workbench import Workbench


def eventually(question: Callable[[], Any], seconds: float = 30) -> Any:
    """The first true answer; an error or a false one is asked again until time is up."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            answer = question()
        except Exception:
            if time.monotonic() > deadline:
                raise
            answer = None
        if answer or time.monotonic() > deadline:
            assert answer, f"not within {seconds} s"
            return answer
        time.sleep(0.2)


def settled(workbench: Workbench) -> None:
    """A preview is empty, and still is after a refresh."""
    workbench.assert_nothing_to_do()
    workbench.refresh()
    workbench.assert_nothing_to_do()


def with_setting(config: dict[str, Any], service: str, **settings: Any) -> dict[str, Any]:
    """``config`` with other settings of one service."""
    changed = copy.deepcopy(config)
    changed["services"][service].update(settings)
    return changed


def touched_by(workbench: Workbench, config: dict[str, Any]) -> set[str]:
    """Names of the custom resources that moving to ``config`` would change, but for the record of that."""
    workbench.configure(config)
    text = workbench.pulumi("preview", "--json").text
    return workbench.changed_resources(text[text.index("{") :]) - {deployments.DIRECTORY}


def smoke(workbench: Workbench) -> str:
    """A prompt through the front door to a model; what it printed."""
    return workbench.run(".venv/bin/python", "-m", "ops", "smoke", "--stack", workbench.stack).text


def plan(workbench: Workbench) -> dict[str, Any]:
    """The plan as exported."""
    return json.loads(workbench.pulumi("stack", "output", "plan", "--json").text)
