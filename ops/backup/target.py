"""The stack whose backups are meant, as its file describes it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ops import stacks
from ops.backup import urls
from ops.backup.places import Place
from ops.backup.repository import Repository
from ops.errors import Failure, Usage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from components.backup_settings import BackupSettings
    from components.lock import Lock
    from components.plan import DeploymentPlan
    from components.spec import ServiceSpec


@dataclass(frozen=True)
class Target:
    """One stack on this machine."""

    stack: str
    root: Path
    plan: DeploymentPlan
    settings: BackupSettings
    containers: bool
    values: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """What its file says, keys without the prefix."""
    lock: Lock | None = None
    waits: bool = False
    """Whether to wait for whoever works on its backups, instead of giving up."""

    @property
    def covered(self) -> list[ServiceSpec]:
        """The services that say how they are backed up, in the order in which they start."""
        return [spec for spec in self.plan.services if spec.backup]

    @property
    def bare(self) -> list[str]:
        """Services that keep data and say nothing of backups."""
        return [spec.name for spec in self.plan.services if spec.volumes and not spec.backup]

    def named(self, names: Sequence[str]) -> list[str]:
        """The covered ones of these, or all. Raises ``Usage`` for any other."""
        covered = [spec.name for spec in self.covered]
        for name in names:
            if name not in covered:
                raise Usage(f"{name}: no service of this stack with backups; there are {', '.join(covered)}")
        return [name for name in covered if not names or name in names]

    def repository(self, scratch: Path, place: Place = Place.FIRST) -> Repository:
        """Where the backups are; ``scratch`` is for temporary files. Raises ``Usage`` where there is none."""
        from components import backup

        if place is Place.SECOND and not self.settings.copy_to:
            raise Usage(f"stack {self.stack} has no second repository; write hearth:backup: copy-to")
        scratch.mkdir(mode=0o700, exist_ok=True)
        first = Repository(
            location=backup.repository(self.settings, str(self.root), self.stack),
            program=self.root / "bin" / backup.PACKAGE.programs[0],
            password=Path(backup.password_file(str(self.root))),
            stack=self.stack,
            scratch=scratch,
            credentials=self._credentials("repository"),
        )
        if place is Place.FIRST or self.settings.copy_to is None:
            return first
        known = self._credentials("copy_to")
        return replace(first, location=self.settings.copy_to, credentials=known, first=first)

    def _credentials(self, key: str) -> dict[str, str]:
        from components import backup

        return urls.credentials(Path(backup.credentials_file(str(self.root), key)))


def of(stack: str) -> Target:
    """The stack of ``Pulumi.<stack>.yaml``. Raises ``Failure`` when it has no backups."""
    from components.errors import ConfigurationError
    from host import declared

    config = stacks.configured(stack)
    if config.backup is None:
        raise Failure(
            f"Pulumi.{stack}.yaml: no hearth:backup; write `hearth:backup: {{}}` and run `pulumi up`"
        )
    try:
        plan, lock = stacks.planned(stack), declared.read_lock(stack)
    except ConfigurationError as error:
        raise Failure(f"Pulumi.{stack}.yaml: {error}") from None
    values = stacks.values(stack)
    root = stacks.root(stack, config)
    return Target(stack, root, plan, config.backup, config.containers, values, lock)
