"""``apply``: the transaction that makes one native service true.

Note what is about to happen, swap the files, check them, (re)start, wait for an answer, note that
it is done. A failure puts the last good document back. A kill leaves the note: the next run knows
that the process may hold any configuration, and restarts it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from host import (
    accounts,
    drift,
    execution,
    files,
    health,
    layout,
    logs,
    managers,
    notes,
    ports,
    secret_files,
    stdin,
    tasks,
)
from host.accounts import Identity
from host.documents import Document, parse
from host.errors import HostError
from host.managers import Manager, State
from host.notes import Notes
from host.packages import links

CHECK_SECONDS = 60


def main(arguments: list[str]) -> str:
    """No arguments; the document on stdin. See ``host.documents``."""
    if arguments:
        raise HostError("usage: apply < document")
    return apply(stdin.document("root", "service", "runtime", "unit"))


def apply(raw: dict[str, Any]) -> str:
    """Make the document true. Returns what was done, in one line.

    Raises ``HostError`` when it could not be; the document applied before is then true again.
    """
    document = parse(with_generation(raw))
    identity = accounts.ensure(document.account)
    layout.prepare(document, identity)
    with files.locked(document.home / ".lock"):
        return Transaction(document, identity, managers.of(document), notes.read(document.home)).run()


def with_generation(raw: dict[str, Any]) -> dict[str, Any]:
    """The document with the generations of secret files and of locked programs as they lie on disk.

    Whoever runs this, and with whatever environment, a new one is noticed exactly once: by a restart, or
    for a secret by the tasks alone where ``live_secrets`` says that they take it to the process.
    """
    delivered = (
        files.read(secret_files.generation_path(Path(raw["root"]) / raw["service"] / "secrets")) or b""
    )
    key = "tasks_on" if raw.get("live_secrets") else "restart_on"
    made = {**raw, key: f"{raw.get(key) or ''}{delivered.decode()}"}
    if "package" in raw:
        noted = files.read(links.generation_path(Path(raw["root"]), raw["package"]["name"])) or b""
        made["programs"] = noted.decode()
    return made


@dataclass(frozen=True)
class Transaction:
    """One run of ``apply``, under the service's lock."""

    document: Document
    identity: Identity
    manager: Manager
    notes: Notes

    def run(self) -> str:
        """Change what must change, then run the tasks that are due."""
        service = self.document.service
        self._require_own()
        reasons = self._reasons()
        if reasons:
            stdin.progress(f"{service}: {'; '.join(reasons)}")
            self.manager.wake()
            ports.require_free(service, set(self.document.ports) - self._own_ports())
            notes.begin(self.document)
            layout.install(self.document, self.identity, self.notes)
            self._check()
            if self.notes.applied:
                self._leave_manager_of(self.notes.applied, self.document)
            self._start()
            notes.finish(self.document, tasks_done=False)
        return f"{service}: {'; '.join(reasons) if reasons else 'unchanged'}{self._tasks(due=bool(reasons))}"

    def _require_own(self) -> None:
        """Two stacks with one data directory would take each other's services, and data, for their own."""
        known = self.notes.applied or self.notes.unfinished
        if known and known.raw.get("stack") != self.document.raw.get("stack"):
            raise HostError(
                f"{self.document.service}: {self.document.home} is in use by stack {known.raw.get('stack')}; "
                "nothing was changed. Give each stack a hearth:data of its own"
            )

    def _own_ports(self) -> set[int]:
        """Ports that a running process of this service may hold; without notes, those it should hold."""
        if self.manager.status().state is State.STOPPED:
            return set()
        known = [document for document in (self.notes.applied, self.notes.unfinished) if document]
        return {port for document in known or [self.document] for port in document.ports}

    def _reasons(self) -> list[str]:
        """Why the process must be (re)started; empty when everything is as it should be."""
        applied = self.notes.applied
        reasons = [] if applied else ["first start"]
        if self.notes.unfinished:
            reasons.append("an earlier run did not end")
        if applied and applied.restarts != self.document.restarts:
            reasons.append("changed: " + ", ".join(drift.changes(applied, self.document)))
        elif applied:
            reasons += [str(finding) for finding in drift.inspect(self.document.raw)]
        if not reasons and health.wait(self.document, self.identity, self.manager.status):
            reasons.append("does not answer")
        return reasons

    def _check(self) -> None:
        if not self.document.check:
            return
        env = execution.environment(self.document.path, self.document.env)
        outcome = execution.run(self.document.check, timeout=CHECK_SECONDS, identity=self.identity, env=env)
        if not outcome.ok:
            self._roll_back(
                f"its configuration is refused by {self.document.check[0]}: {outcome.why()}",
                restart=bool(self.notes.unfinished),
            )

    def _start(self) -> None:
        try:
            self.manager.restart()
            reason = health.wait(self.document, self.identity, self.manager.status)
        except HostError as error:
            reason = str(error)
        if reason:
            tail = logs.tail(self.document.home, self.manager)
            self._roll_back(f"it did not start: {reason}{tail}", restart=True)

    def _roll_back(self, why: str, *, restart: bool) -> None:
        """Put the last good document back.

        Always raises ``HostError`` saying ``why`` and what is true now.
        """
        document, applied = self.document, self.notes.applied
        known = replace(self.notes, unfinished=document)
        try:
            if applied is None:
                self.manager.forget()
                layout.uninstall(known.known_files, document.home)
                outcome = "It was not running before."
            else:
                self._leave_manager_of(document, applied)
                layout.install(applied, self.identity, known)
                outcome = self._restored(applied, restart=restart)
            notes.rolled_back(document.home)
        except HostError as error:
            outcome = f"The previous configuration could not be put back: {error}"
        raise HostError(f"{document.service}: {why}\n{outcome}")

    def _restored(self, applied: Document, *, restart: bool) -> str:
        manager = managers.of(applied)
        if restart or manager.status().state is State.STOPPED:
            manager.restart()
        reason = health.wait(applied, self.identity, manager.status)
        return (
            f"The previous configuration does not answer either: {reason}"
            if reason
            else "The previous configuration is serving again."
        )

    def _leave_manager_of(self, old: Document, new: Document) -> None:
        """Have the manager of ``old`` let go of the service where ``new`` has another, or another unit."""
        if (old.runtime, old.scope, old.unit.path) != (new.runtime, new.scope, new.unit.path):
            managers.of(old).forget()

    def _tasks(self, *, due: bool) -> str:
        applied = self.notes.applied
        wanted = self.document
        same = applied is not None and (applied.tasks, applied.env, applied.tasks_on) == (
            wanted.tasks,
            wanted.env,
            wanted.tasks_on,
        )
        failed: list[str] = []
        if due or not (same and self.notes.tasks_done):
            notes.finish(self.document, tasks_done=False)
            failed = tasks.run(self.document, self.identity)
        if due or applied is None or applied.raw != self.document.raw or failed or not self.notes.tasks_done:
            notes.finish(self.document, tasks_done=not failed)
        return f"; optional tasks failed: {', '.join(failed)}" if failed else ""
