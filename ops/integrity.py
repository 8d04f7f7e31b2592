"""Whether what services keep is whole: their own checks, and every SQLite file in their data."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from host import execution, forked, notes, sqlite_check
from host.accounts import Identity, find
from host.errors import HostError

if TYPE_CHECKING:
    from components.spec import ServiceSpec

SECONDS = 30
"""Longest for all SQLite files of one service, and for its own check."""


class Inside(Protocol):
    """Where a service and its data are."""

    def own(self, spec: ServiceSpec) -> str | None:
        """Why the service's own check is not content; none where it is, or cannot be asked."""
        ...

    def files(self, spec: ServiceSpec, known: Sequence[str]) -> dict[str, Any] | None:
        """See ``sqlite_check.look``; none where there is nothing to look with."""
        ...


class NativeInside:
    """Directories of this host, below ``root``; looked at as the service's account."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def own(self, spec: ServiceSpec) -> str | None:
        """See ``Inside``."""
        document = notes.read(self._root / spec.name).applied
        if document is None:
            return None
        env = execution.environment(document.path, document.env)
        done = execution.run(spec.integrity, timeout=SECONDS, env=env, identity=self._account(spec))
        return None if done.ok else done.output.strip() or done.why()

    def files(self, spec: ServiceSpec, known: Sequence[str]) -> dict[str, Any] | None:
        """See ``Inside``."""
        data = self._root / spec.name / "data"

        def work() -> str:
            return json.dumps(sqlite_check.look(data, known))

        return json.loads(forked.run(self._account(spec), work, SECONDS))

    def _account(self, spec: ServiceSpec) -> Identity:
        document = notes.read(self._root / spec.name).applied
        account = document.account if document else None
        identity = find(account)
        if identity is None:
            raise HostError(f"account {account} is missing")
        return identity


class ContainerInside:
    """Containers; ``of`` finds the running one of a service."""

    def __init__(self, of: Callable[[ServiceSpec], Any]) -> None:
        self._of = of

    def own(self, spec: ServiceSpec) -> str | None:
        """See ``Inside``."""
        code, said = self._run(spec, spec.integrity)
        return said or f"exit status {code}" if code else None

    def files(self, spec: ServiceSpec, known: Sequence[str]) -> dict[str, Any] | None:
        """See ``Inside``. Its image must have Python."""
        script = Path(sqlite_check.__file__).read_text()
        directories = [volume.path for volume in spec.volumes if volume.of is None]
        code, said = self._run(spec, ["python3", "-c", script, directories[0], *known])
        return None if code else json.loads(said)

    def _run(self, spec: ServiceSpec, argv: Sequence[str]) -> tuple[int, str]:
        import docker

        container = self._of(spec)
        if container is None:
            raise HostError("its container is gone")
        try:
            code, output = container.exec_run(["timeout", str(SECONDS), *argv])
        except docker.errors.APIError as error:
            raise HostError(f"docker: {error.explanation or error}") from None
        return code, output.decode(errors="replace").strip()
