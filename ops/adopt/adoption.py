"""Adopting: looked at, written into the state, completed by Pulumi itself, and taken back."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from host import files
from ops import engine
from ops.adopt import existing, state
from ops.adopt.existing import Existing
from ops.errors import Failure

if TYPE_CHECKING:
    from components.plan import DeploymentPlan


@dataclass(frozen=True)
class Look:
    """What would be adopted, and what would still be made: names of resources that are not there."""

    planned: list[dict[str, Any]]
    found: list[Existing]

    @property
    def made(self) -> list[str]:
        """Containers, volumes and networks that the daemon has not."""
        there = {one.urn for one in self.found}
        kinds = (existing.CONTAINER, existing.VOLUME, existing.NETWORK)
        return [
            entry["inputs"]["name"]
            for entry in self.planned
            if entry["type"] in kinds and entry["urn"] not in there
        ]


def look(daemon: Any, stack: str, root: Path, plan: DeploymentPlan) -> Look:
    """Compare what the daemon has with what a preview would create. Changes nothing."""
    planned = engine.creations(stack)
    found = []
    for one in existing.look(daemon, planned):
        problems = one.problems
        if one.kind == "container":
            problems += tuple(existing.secret_problems(daemon, stack, root, plan.service(one.service)))
        found.append(replace(one, problems=problems))
    return Look(planned, found)


def adopt(stack: str, root: Path, seen: Look, progress: Callable[[str], None]) -> None:
    """Take what was seen into the state, then have Pulumi make what is missing. Nothing starts again.

    Raises ``Failure`` with every difference, before anything is changed. The next call goes on after a kill.
    """
    wrong = [f"{one.kind} {one.name}: {problem}" for one in seen.found for problem in one.problems]
    if wrong:
        raise Failure(
            "nothing was adopted; what is there is not what the stack file says\n  " + "\n  ".join(wrong)
        )
    before = _before(root)
    if before is None or seen.found:
        if not seen.found:
            raise Failure(f"stack {stack}: nothing of it is there that is not in its state already")
        known = engine.exported(stack)
        if known is None:
            raise Failure(f"stack {stack}: has no state yet; run `pulumi stack init {stack}`")
        adopted = {one.urn: (one.id, one.inputs) for one in seen.found}
        changed = state.merged(known, seen.planned, adopted, str(uuid.uuid4()))
        _note(root, {"before": known if before is None else before})
        engine.replace_state(stack, changed)
        progress(
            f"{len(adopted)} things are in the state now; Pulumi looks at them, and makes what is missing"
        )
    engine.refresh(stack, progress)
    engine.deploy_one_by_one(stack, progress)
    engine.require_settled(stack)
    _note(root, {"before": _before(root), "after": sorted(state.urns(engine.exported(stack)))})


def undo(stack: str, root: Path) -> None:
    """Put the state of before in its place. Nothing that runs is touched, and it can be adopted again.

    Raises ``Failure`` where there is nothing to take back, or the stack has changed since.
    """
    note = json.loads(files.read(_path(root)) or b"{}")
    if not note:
        raise Failure(f"stack {stack}: nothing was adopted here that could be taken back")
    known = engine.exported(stack)
    if "after" in note and (known is None or sorted(state.urns(known)) != note["after"]):
        raise Failure(
            f"stack {stack}: was deployed since, so the state of before is no more; nothing was changed"
        )
    engine.replace_state(stack, note["before"])
    files.remove(_path(root))


def _path(root: Path) -> Path:
    # Encrypted secrets of the stack's state may be in it.
    return root / "secrets" / ".adopted"


def _before(root: Path) -> dict[str, Any] | None:
    """The state of before an adoption that has not ended."""
    note = json.loads(files.read(_path(root)) or b"{}")
    return note.get("before") if "after" not in note else None


def _note(root: Path, note: dict[str, Any]) -> None:
    files.directory(_path(root).parent, mode=0o700)
    files.write(_path(root), json.dumps(note).encode(), mode=0o600)
