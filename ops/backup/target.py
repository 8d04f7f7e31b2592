"""The stack whose backups are meant, as its file describes it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ops import stacks
from ops.backup.repository import Repository
from ops.errors import Failure, Usage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from components.config import BackupSettings
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

    def repository(self, scratch: Path) -> Repository:
        """Where the backups are; ``scratch`` is for temporary files."""
        from components import backup

        scratch.mkdir(mode=0o700, exist_ok=True)
        return Repository(
            path=Path(backup.repository(self.settings, str(self.root), self.stack)),
            program=self.root / "bin" / backup.PACKAGE.programs[0],
            password=Path(backup.password_file(str(self.root))),
            stack=self.stack,
            scratch=scratch,
        )


def of(stack: str) -> Target:
    """The stack of ``Pulumi.<stack>.yaml``. Raises ``Failure`` when it has no backups."""
    from components.errors import ConfigurationError

    config = stacks.configured(stack)
    if config.backup is None:
        raise Failure(
            f"Pulumi.{stack}.yaml: no hearth:backup; write `hearth:backup: {{}}` and run `pulumi up`"
        )
    stacks.refuse_swarm(stack, config)
    try:
        plan = stacks.planned(stack)
    except ConfigurationError as error:
        raise Failure(f"Pulumi.{stack}.yaml: {error}") from None
    return Target(stack, stacks.root(stack, config), plan, config.backup, config.containers)
