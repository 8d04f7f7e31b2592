"""The environment that Pulumi runs in: what the user has set stays, what is missing gets a default."""

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from toolchain import cli, plugins
from toolchain.places import Places
from toolchain.progress import SetupFailed

# The backend that `env` has set: a shell that goes on to another checkout must not take this one's stacks
# along.
OWN_BACKEND = "HEARTH_BACKEND"
RUN_SETUP = "run `make setup` or `python3 -m toolchain setup` first"


def additions(places: Places, given: Mapping[str, str]) -> dict[str, str]:
    """The variables to set on top of `given`. Makes the directories and the passphrase that they name."""
    pulumi, reason = cli.find(places, given)
    if pulumi is None:
        raise SetupFailed(f"{reason}: {RUN_SETUP}")
    added: dict[str, str] = {}
    directories = [] if pulumi.on_path else [pulumi.executable.parent]
    directories.append(places.venv / "bin")
    added["PATH"] = _path(directories, given.get("PATH", os.defpath))
    if not plugins.official(places, pulumi, given):
        if not plugins.stand_ins_ready(places):
            raise SetupFailed(f"there are no plugins: {RUN_SETUP}")
        added.update(_stand_in_variables(places, given))
    added.update(_backend(places, given))
    # Without a network the check for a newer version only costs time; with one it costs a request to
    # Pulumi's service.
    if "PULUMI_SKIP_UPDATE_CHECK" not in given:
        added["PULUMI_SKIP_UPDATE_CHECK"] = "true"
    return added


def _path(directories: list[Path], path: str) -> str:
    """The directories first, each once: `env` may be applied to an environment that it has made."""
    first = [str(directory) for directory in directories]
    return os.pathsep.join([*first, *(entry for entry in path.split(os.pathsep) if entry not in first)])


def _stand_in_variables(places: Places, given: Mapping[str, str]) -> dict[str, str]:
    added = {
        "HEARTH_TOOLCHAIN": str(places.project / "toolchain"),
        "PULUMI_HOME": str(places.stand_in_home),
        # A missing plugin is an error at once, not a download attempt that lasts minutes.
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }
    if "PULUMI_CREDENTIALS_PATH" not in given:
        # The user's logins stay where they are.
        added["PULUMI_CREDENTIALS_PATH"] = str(places.user_pulumi)
    return added


def _backend(places: Places, given: Mapping[str, str]) -> dict[str, str]:
    """A backend in the project, and a passphrase for its secrets, where the user has no backend of their own.

    The two go together. A passphrase made here would be wrong for a backend of the user's: its stacks may
    have another one, or other readers, and Pulumi is right to ask.
    """
    before = given.get(OWN_BACKEND)
    url, passphrase = given.get("PULUMI_BACKEND_URL"), given.get("PULUMI_CONFIG_PASSPHRASE_FILE")
    if (url and url != before) or _logged_in(places, given):
        return {}
    places.state.mkdir(mode=0o700, exist_ok=True)
    added = dict.fromkeys(("PULUMI_BACKEND_URL", OWN_BACKEND), f"file://{places.state}")
    own_passphrase = before and passphrase == f"{before.removeprefix('file://')}/passphrase"
    if "PULUMI_CONFIG_PASSPHRASE" not in given and (not passphrase or own_passphrase):
        added["PULUMI_CONFIG_PASSPHRASE_FILE"] = str(_passphrase(places.state / "passphrase"))
    return added


def _logged_in(places: Places, given: Mapping[str, str]) -> bool:
    if given.get("PULUMI_ACCESS_TOKEN"):
        return True
    directory = Path(given.get("PULUMI_CREDENTIALS_PATH") or places.user_pulumi)
    try:
        credentials = json.loads((directory / "credentials.json").read_text())
    except (OSError, ValueError):
        return False
    return bool(isinstance(credentials, dict) and credentials.get("current"))


def _passphrase(path: Path) -> Path:
    """The file with the passphrase; made once, and never seen empty by a second process."""
    if path.exists():
        return path
    work = path.with_name(f".{path.name}-{os.getpid()}")
    with os.fdopen(os.open(work, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.write(secrets.token_urlsafe(32))
    try:
        # A link, not a rename: the first one wins, and a passphrase in use is never overwritten.
        os.link(work, path)
    except FileExistsError:
        pass
    finally:
        work.unlink()
    return path
