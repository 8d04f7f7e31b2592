"""Commands that run once a service answers."""

from __future__ import annotations

from host import execution
from host.accounts import Identity
from host.documents import Document
from host.errors import HostError
from host.stdin import progress


def run(document: Document, identity: Identity) -> list[str]:
    """Run the tasks in order, as the service's account. Returns the names of optional ones that failed.

    Raises ``HostError`` at the first other failure; the service itself is left running.
    """
    failed = []
    for task in document.tasks:
        progress(f"{document.service}: task {task.name}")
        env = execution.environment(document.path, document.env)
        outcome = execution.run(task.argv, timeout=task.timeout, identity=identity, env=env)
        if outcome.ok:
            continue
        if not task.optional:
            raise HostError(
                f"{document.service}: it answers, but its task {task.name} failed: {outcome.why()}"
            )
        progress(f"{document.service}: warning: optional task {task.name} failed: {outcome.why(lines=5)}")
        failed.append(task.name)
    return failed
