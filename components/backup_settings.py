"""``hearth:backup``: where backups go, and how many are kept."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, model_validator

from components.errors import PASSWORD_IN_URL
from components.settings import Strict
from components.units import Count

# What no configuration format, shell or PATH could misread.
DIRECTORY = r"^(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+$"
# The kinds of https://restic.readthedocs.io/en/stable/030_preparing_a_new_repo.html
_URL = r"^(sftp|rest|s3|swift|b2|azure|gs|rclone):[^\s\"'\\]+$"


def _clock(value: Any) -> Any:
    """YAML 1.1 reads 12:30 as a number of base 60."""
    return f"{value // 60:02}:{value % 60:02}" if isinstance(value, int) else value


CREDENTIALS = {"repository": "backup.credentials", "copy_to": "backup.copy-to"}
"""Files among the secrets of backups, of the owner's own making: what the URL of each key needs."""


def _open(location: str, key: ValidationInfo) -> str:
    if PASSWORD_IN_URL.search(location):
        raise ValueError(
            "it holds a password: leave user and password out, and write RESTIC_REST_USERNAME=... and "
            "RESTIC_REST_PASSWORD=... to "
            f"backup/secrets/{CREDENTIALS[key.field_name or '']} in the stack's data directory"
        )
    return location


_Place = Annotated[str, Field(pattern=f"{DIRECTORY}|{_URL}"), AfterValidator(_open)]


class BackupSettings(Strict):
    """Where backups go, and how many are kept."""

    repository: Annotated[
        _Place | None,
        Field(description="Directory, best on another disk, or restic's URL; beside the data if absent."),
    ] = None
    schedule: Annotated[
        Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] | None,
        BeforeValidator(_clock),
        Field(description="Time of the day, on the host's clock, for one by itself; null for none."),
    ] = "02:00"
    drill: Annotated[
        Annotated[str, Field(pattern=r"^(Mon|Tue|Wed|Thu|Fri|Sat|Sun) ([01]\d|2[0-3]):[0-5]\d$")] | None,
        Field(description="Day of the week and time for a drill by itself; null, or no schedule, for none."),
    ] = "Sun 04:00"
    keep_daily: Annotated[Count, Field(ge=1, description="Days whose last backup is kept.")] = 7
    keep_weekly: Annotated[Count, Field(ge=0, description="Weeks whose last backup is kept.")] = 4
    copy_to: Annotated[
        _Place | None,
        Field(description="Second repository that every backup is copied to: a directory, or restic's URL."),
    ] = None
    copy_keep_daily: Annotated[Count, Field(ge=1, description="Likewise in the second one.")] = 7
    copy_keep_weekly: Annotated[Count, Field(ge=0, description="Likewise in the second one.")] = 4

    @property
    def times(self) -> dict[str, str]:
        """What runs by itself, and when: jobs of ``host schedule``."""
        drill = self.drill if self.schedule or "drill" in self.model_fields_set else None
        return {name: when for name, when in (("backup", self.schedule), ("drill", drill)) if when}

    @model_validator(mode="after")
    def _two_places(self) -> BackupSettings:
        if self.copy_to and self.copy_to == self.repository:
            raise ValueError("copy-to is repository itself; name another place, or leave it out")
        return self
