"""Where things are: the project, its virtual environment, the user's cache and own Pulumi settings."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from toolchain import versions


@dataclass(frozen=True)
class Places:
    """All paths for one project and one user's environment."""

    project: Path
    venv: Path
    cache: Path
    user_pulumi: Path  # $PULUMI_HOME as Pulumi itself would find it

    @property
    def state(self) -> Path:
        """The stacks of this checkout, where the user has no backend of their own."""
        return self.project / ".state"

    @property
    def pulumi(self) -> Path:
        """The directory of a Pulumi that `toolchain` has brought."""
        return self.cache / "pulumi" / versions.PULUMI

    @property
    def stand_in_home(self) -> Path:
        """A `PULUMI_HOME` whose plugins are the stand-ins, so that the user's own is never touched."""
        return self.cache / "pulumi-home"


def of(environment: Mapping[str, str], project: Path = versions.PROJECT) -> Places:
    """The places that this environment means."""
    home = Path(environment.get("HOME") or Path.home())
    cache = Path(environment.get("XDG_CACHE_HOME") or home / ".cache")
    places = Places(
        project=project,
        venv=Path(environment.get("HEARTH_VENV") or project / ".venv"),
        cache=cache / "hearth",
        user_pulumi=Path(environment.get("PULUMI_HOME") or home / ".pulumi"),
    )
    if places.user_pulumi == places.stand_in_home:
        # `env` has been applied to this environment already: it left the user's own directory here.
        return replace(
            places, user_pulumi=Path(environment.get("PULUMI_CREDENTIALS_PATH") or home / ".pulumi")
        )
    return places


def system() -> Mapping[str, str]:
    """The environment of this process, as a value that can be passed around."""
    return dict(os.environ)
