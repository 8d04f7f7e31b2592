"""The deployments of a stack that are on record, and the stack as one of them had it."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from host import declared, deployments, files
from host.deployments import Deployment
from ops import stacks
from ops.errors import Failure

if TYPE_CHECKING:
    from components.config import StackConfig
    from components.lock import Lock
    from components.plan import DeploymentPlan


@dataclass(frozen=True)
class Version:
    """A stack as a file and a lock describe it."""

    stack: str
    config: StackConfig
    plan: DeploymentPlan
    file: str
    lock: Lock | None


def latest(stack: str, root: Path) -> Deployment:
    """The last deployment that answered. Raises ``Failure`` where none is on record."""
    known = deployments.read(root)
    if not known:
        raise Failure(
            f"stack {stack}: no deployment is on record; run `pulumi up --stack {stack}` once as it is, "
            "before its versions change"
        )
    return known[-1]


def version(stack: str, file: str, lock: Mapping[str, Any] | Lock | None) -> Version:
    """The stack as a deployment had it. Raises ``ConfigurationError`` for what cannot be planned here."""
    from components.config import load_stack_config
    from components.lock import Lock

    parsed = lock if lock is None or isinstance(lock, Lock) else Lock.model_validate(lock)
    config = load_stack_config(stacks.values_of(file, f"Pulumi.{stack}.yaml"))
    return Version(stack, config, stacks.planned_from(config, stack, parsed), file, parsed)


@contextlib.contextmanager
def tried(stack: str, file: str, lock: Lock | None) -> Iterator[tuple[list[str], dict[str, str]]]:
    """Words and environment for Pulumi, so that it takes this file and lock instead of the project's."""
    own = declared.stack_file(stack)
    with tempfile.TemporaryDirectory(prefix="hearth-") as made:
        path = Path(made) / own.name
        salt = declared.salt(own.read_text()) if own.exists() else ""
        files.write(path, (file + salt).encode(), mode=0o600)
        if lock:
            files.write(Path(made) / declared.lock_file(stack).name, lock.text().encode(), mode=0o600)
        yield ["--config-file", str(path)], {**os.environ, declared.ELSEWHERE: made}


def write_lock(stack: str, lock: Lock) -> None:
    """Make it the stack's lock, whole or not at all."""
    files.write(declared.lock_file(stack), lock.text().encode(), mode=0o644)
