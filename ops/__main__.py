"""The entry: every error a person can mend becomes a sentence and an exit status."""

from __future__ import annotations

import sys

from host.errors import HostError
from ops.app import application
from ops.deferred import put_off
from ops.errors import Failure


def main() -> int:
    """Run one command. Returns only for errors; Typer exits by itself otherwise."""
    # A third of the time of a command that plans: whoever deploys is Pulumi's own program.
    put_off("pulumi", "pulumi_command", "pulumi_docker")
    try:
        application()(prog_name="hearth")
    except Failure as error:
        print(f"hearth: {error}", file=sys.stderr)
        return error.status
    except HostError as error:
        print(f"hearth: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
