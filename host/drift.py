"""What differs between a document and the machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from host import accounts, files, layout, managers
from host.documents import Document, parse
from host.managers import State


@dataclass(frozen=True)
class Finding:
    """One difference: ``problem`` is ``missing``, ``content``, ``mode``, ``owner``, ... of ``subject``."""

    service: str
    subject: str
    problem: str

    def __str__(self) -> str:
        return f"{self.subject}: {self.problem}"


def inspect(raw: Mapping[str, Any]) -> list[Finding]:
    """Compare an ``apply`` document with the machine, changing nothing.

    Raises ``HostError`` for a document that is none.
    """
    document = parse(raw)
    identity = accounts.find(document.account)
    if identity is None:
        return [Finding(document.service, f"account {document.account}", "missing")]
    found: list[tuple[str, str | None]] = []
    for path, bits, uid, gid in layout.directories(document, identity):
        found.append((str(path), files.difference(path, mode=bits, uid=uid, gid=gid)))
    for name in document.groups:
        there = accounts.is_member(str(document.account), name)
        found.append((f"account {document.account}", None if there else f"not in group {name}"))
    for file in (*document.files, document.unit):
        group = layout.group_of(file.path, document, identity)
        owner = accounts.current().uid
        found.append(
            (
                str(file.path),
                files.difference(file.path, data=file.data, mode=file.mode, uid=owner, gid=group),
            )
        )
    process = managers.of(document).status()
    problem = {
        State.RUNNING: None,
        State.STARTING: "being started",
        State.STOPPED: f"not running ({process.reason})",
    }[process.state]
    found.append((document.service, problem))
    return [Finding(document.service, subject, problem) for subject, problem in found if problem]


def changes(before: Document, after: Document) -> list[str]:
    """Names of what differs between documents: files, ``unit``, ``account``, ``programs``, ``secrets``."""
    old = {file.path: (file.data, file.mode) for file in before.files}
    new = {file.path: (file.data, file.mode) for file in after.files}
    names = [path.name for path in sorted({*old, *new}) if old.get(path) != new.get(path)]
    names += ["unit"] if before.unit != after.unit else []
    names += ["account"] if before.account != after.account else []
    names += ["programs"] if before.programs != after.programs else []
    return names + (["secrets"] if before.restart_on != after.restart_on else [])
