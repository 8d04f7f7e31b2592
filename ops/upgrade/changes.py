"""What an upgrade or a rollback changes, service by service. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components import lock as locks
from components.lock import Lock
from components.plan import DeploymentPlan
from ops.locks import same

STAYS, MOVES, NONE = "in place, after a backup", "dump and restore", "none"


@dataclass(frozen=True)
class Change:
    """One service: its programs now and then, and what becomes of its data."""

    service: str
    now: str
    then: str
    data: str
    formats: tuple[str, str] | None = None
    """Versions of its data's format, where its data must move."""

    def as_data(self) -> dict[str, Any]:
        """For ``--json``."""
        moves = {"from": self.formats[0], "to": self.formats[1]} if self.formats else {}
        return {"service": self.service, "now": self.now, "then": self.then, "data": self.data, **moves}


def between(old: DeploymentPlan, new: DeploymentPlan, now: Lock, then: Lock) -> list[Change]:
    """Every service whose programs, or whose format of data, differ."""
    found = {}
    before = {spec.name: spec for spec in old.services}
    for spec in new.services:
        one, other = now.entries.get(spec.declared), then.entries.get(spec.declared)
        known = before.get(spec.name)
        formats = None
        if known and known.format and spec.format and known.format.version != spec.format.version:
            formats = (known.format.version, spec.format.version)
        if known is None or (same(one, other) and not formats):
            continue
        kept = bool(known.volumes)
        data = f"{MOVES} {formats[0]} -> {formats[1]}" if formats else STAYS if kept else NONE
        found[spec.declared] = Change(spec.declared, locks.shown(one), locks.shown(other), data, formats)
    return list(found.values())


def summary(
    before: tuple[Mapping[str, Any], Lock | None] | None, after: tuple[Mapping[str, Any], Lock | None]
) -> str:
    """What a deployment changed, in a few words. Each is the values of a stack's file, and its lock."""
    if before is None:
        return "the first"
    (old, old_lock), (new, new_lock) = before, after
    services = [
        f"{sign}{name}"
        for sign, name in (
            *(("+", name) for name in new["services"] if name not in old["services"]),
            *(("-", name) for name in old["services"] if name not in new["services"]),
        )
    ]
    for name, settings in new["services"].items():
        was = old["services"].get(name, settings) or {}
        keys = [key for key in {**was, **(settings or {})} if was.get(key) != (settings or {}).get(key)]
        services += [f"{name}: {', '.join(keys)}"] if keys else []
    rest = [key for key in {**old, **new} if key != "services" and old.get(key) != new.get(key)]
    one, other = old_lock or Lock(), new_lock or Lock()
    moved = [
        f"{name} to {locks.shown(other.entries.get(name))}"
        for name in sorted({*one.entries, *other.entries})
        if not same(one.entries.get(name), other.entries.get(name))
    ]
    if old_lock is None and new_lock is not None:
        moved = ["locked"]
    elif new_lock is None and old_lock is not None:
        moved = ["not locked any more"]
    return "; ".join([*services, *rest, *moved]) or "nothing that runs"
