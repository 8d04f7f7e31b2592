"""The command line: ``python -m host VERB [ARGUMENT...]``.

A verb is a module with ``main(arguments: list[str]) -> str``, imported only when asked for,
because every command resource pays for the start of this process.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module

from host.errors import HostError

VERBS = {
    "answers": "host.answers",
    "apply": "host.apply",
    "deployment": "host.deployments",
    "directories": "host.shared",
    "package": "host.packages.install",
    "ready": "host.containers.ready",
    "remove": "host.remove",
    "schedule": "host.schedule",
    "secret": "host.vault",
    "secret-files": "host.secret_files",
    "source": "host.source",
    "source-volume": "host.containers.source_volume",
    "supervisor": "host.managers.daemon",
    "volume-files": "host.containers.volume_files",
    "volume-prune": "host.containers.config_volumes",
    "watchdog": "host.watchdog",
}


def main(arguments: list[str]) -> int:
    """Run one verb. Returns the exit status: 0, 1 for a failure, 2 for wrong usage, 130 interrupted."""
    if not arguments or arguments[0] not in VERBS:
        print(f"usage: python -m host {{{'|'.join(VERBS)}}} ...", file=sys.stderr)
        return 2
    # Directories on the way to a service's files must be passable for its account, whoever calls.
    os.umask(0o022)
    try:
        print(import_module(VERBS[arguments[0]]).main(arguments[1:]))
    except HostError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{arguments[0]}: interrupted; run it again to converge", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
