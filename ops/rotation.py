"""Another value for a secret: who takes it as it runs, who starts again with it, and the way there.

Nothing is changed beside Pulumi: what is on disk says which values count, and ``pulumi up`` has it so.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from host import files, renewal, vault
from ops import engine
from ops.errors import Failure, Usage

if TYPE_CHECKING:
    from components.config import StackConfig
    from components.facts import Renewed
    from components.plan import DeploymentPlan
    from components.spec import Renewal, SecretRef, ServiceSpec


@dataclass(frozen=True)
class Rotatable:
    """One secret of a stack. ``refusal`` says why it stays as it is, where it must."""

    name: str
    kind: str
    accepts: Renewal | None
    """Whether the old value is accepted until all have the new one."""
    taken_by: tuple[str, ...]
    """Services that take it as they run."""
    restarts: tuple[str, ...]
    """Services that start again for it, in this order."""
    pauses: tuple[str, ...]
    """Those of them that nobody answers for meanwhile."""
    refusal: str
    renewals: int
    unfinished: bool


def known(plan: DeploymentPlan, config: StackConfig, root: Path) -> list[Rotatable]:
    """Every secret of the stack, by name."""
    from components.backup import PASSWORD

    # Swarm gives secrets to a new task alone.
    live = plan.runtime != "swarm"
    refs: dict[str, list[tuple[ServiceSpec, SecretRef]]] = {}
    for spec in plan.services:
        for ref in spec.secrets:
            refs.setdefault(ref.name, []).append((spec, ref))
    renewed, begun = renewal.read(root), renewal.unfinished(root)
    before = {ref.before.name for pairs in refs.values() for _, ref in pairs}
    found = [
        _rotatable(name, pairs, renewed.get(name), name in begun, live=live)
        for name, pairs in sorted(refs.items())
        if name not in before
    ]
    if config.backup:
        why = "no backup can be read without it"
        found.append(Rotatable(PASSWORD.name, PASSWORD.kind, None, (), (), (), why, 0, unfinished=False))
    return found


def _rotatable(
    name: str,
    pairs: list[tuple[ServiceSpec, SecretRef]],
    renewed: Renewed | None,
    begun: bool,
    *,
    live: bool,
) -> Rotatable:
    ways = [spec.renewable[name] for spec, _ in pairs if name in spec.renewable]
    accepts: Renewal | None = "both" if "both" in ways else next(iter(ways), None)
    again = [spec for spec, _ in pairs if not (live and spec.live_secrets)]
    return Rotatable(
        name=name,
        kind=pairs[0][1].kind,
        accepts=accepts,
        taken_by=tuple(spec.name for spec, _ in pairs if live and spec.live_secrets),
        restarts=tuple(spec.name for spec in again),
        pauses=tuple(spec.name for spec in again if spec.ports and not spec.replica_of),
        refusal=_refusal([ref for _, ref in pairs], accepts),
        renewals=renewed.count if renewed else 0,
        unfinished=begun,
    )


def _refusal(refs: Iterable[SecretRef], accepts: Renewal | None) -> str:
    for ref in refs:
        if ref.guards:
            return f"the data of {ref.guards} cannot be read without it, so it stays as long as they do"
        if ref.source:
            return f"it is your file {ref.source}: replace that, and run `pulumi up`"
    return "" if accepts else "no service says how what runs takes another value; change it in the service"


def named(found: list[Rotatable], name: str) -> Rotatable:
    """The secret ``name``, where it can be rotated. Raises ``Usage`` with what can be, or why this cannot."""
    one = next((one for one in found if one.name == name), None)
    if one is None:
        can = ", ".join(other.name for other in found if not other.refusal) or "none"
        raise Usage(f"{name}: no secret of this stack; those that can be rotated: {can}")
    if one.refusal:
        raise Failure(f"{name}: {one.refusal}")
    return one


def rotate(
    stack: str, root: Path, found: list[Rotatable], one: Rotatable, progress: Callable[[str], None]
) -> dict[str, Any]:
    """Replace ``one`` of those found, or end a replacement that was begun. Returns what was done.

    Raises ``Failure`` where the stack is not as its file says, or ``pulumi up`` fails; the next call goes on.
    """
    began = time.monotonic()
    engine.outputs(stack)
    by_name = {other.name: other for other in found}
    with files.locked(root / "secrets" / ".renewing"):
        begun = renewal.unfinished(root)
        if not begun:
            engine.require_settled(stack)
        for name in begun:
            progress(f"{name}: going on where an earlier rotation stopped")
            _replace(stack, root, name, by_name.get(name), progress)
        resumed = one.name in begun
        if not resumed:
            _replace(stack, root, one.name, one, progress)
        count = renewal.read(root)[one.name].count
    return {
        "stack": stack,
        "secret": one.name,
        "taken_by": one.taken_by,
        "restarted": one.restarts,
        "renewals": count,
        "resumed": resumed,
        "seconds": round(time.monotonic() - began, 1),
    }


def _replace(
    stack: str, root: Path, name: str, one: Rotatable | None, progress: Callable[[str], None]
) -> None:
    """``one`` is none where no service of the stack file has the secret any more."""
    make = vault.MAKERS[one.kind if one else "password"]
    if not renewal.ending(root, name):
        renewal.begin(root, name, make)
        progress(f"{name}: there is a new value; who checks it gets it, then who shows it, one by one")
        _deploy(stack, name, progress)
        renewal.counts_alone(root, name)
    if one is None or one.accepts == "both":
        progress(f"{name}: all have the new value; the old one goes")
        _deploy(stack, name, progress)
    renewal.end(root, name)


def _deploy(stack: str, name: str, progress: Callable[[str], None]) -> None:
    try:
        engine.deploy_one_by_one(stack, progress)
    except Failure as error:
        raise Failure(
            f"{name}: {error}; mend it, and run `hearth rotate {name}` again, which goes on"
        ) from None
