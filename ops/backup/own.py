"""What belongs to the stack as a whole: its file, Pulumi's state, the keys and secrets."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from host import declared
from ops import engine
from ops.backup import capture
from ops.backup.manifest import Kept
from ops.errors import Failure

DIRECTORY = "stack"


def gather(stack: str, root: Path, stage: Path) -> tuple[Kept, ...]:
    """Copy all of it below ``stage``. The password of the backups is not among it."""
    directory = stage / "files" / DIRECTORY
    directory.mkdir(parents=True)
    shutil.copyfile(f"Pulumi.{stack}.yaml", directory / f"Pulumi.{stack}.yaml")
    lock = declared.lock_file(stack)
    if lock.exists():
        shutil.copyfile(lock, directory / lock.name)
    state = engine.exported(stack)
    if state is None:
        raise engine.not_deployed(stack)
    # Its secrets are as encrypted as Pulumi keeps them.
    (directory / "state.json").write_text(json.dumps(state))
    passphrase = os.environ.get("PULUMI_CONFIG_PASSPHRASE_FILE")
    if passphrase and Path(passphrase).is_file():
        shutil.copyfile(passphrase, directory / "passphrase")
    if (root / "secrets").is_dir():
        shutil.copytree(root / "secrets", directory / "secrets")
    paths = sorted(path for path in directory.rglob("*") if path.is_file())
    return tuple(capture.kept(path, str(path.relative_to(stage / "files"))) for path in paths)


def hand_out(fetched: Path, target: Path) -> list[Path]:
    """Move the fetched files to a directory of the owner's, which must not be there yet."""
    if target.exists():
        raise Failure(f"{target}: is there already; name a directory that is not")
    shutil.copytree(fetched / DIRECTORY, target)
    target.chmod(0o700)
    return sorted(path for path in target.rglob("*") if path.is_file())
