"""`python3 -m toolchain setup | env | run -- COMMAND`: see toolchain/README.md.

Only the standard library: this runs before the virtual environment exists.
"""

import argparse
import os
import shlex
import subprocess
import sys

from toolchain import cli, environment, places, plugins, stack_files, venv
from toolchain.progress import SetupFailed


def main() -> int:
    """Run one command; 1 where it cannot be done, with the reason on standard error."""
    parser = argparse.ArgumentParser(
        prog="python3 -m toolchain", description="How Pulumi gets onto this machine."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    setup = commands.add_parser("setup", help="make .venv, and find, fetch or build Pulumi and its plugins")
    setup.add_argument("--dev", action="store_true", help="also install requirements-dev.txt")
    commands.add_parser("env", help="print `export` lines for a shell")
    run = commands.add_parser("run", help="run a command in that environment")
    run.add_argument("arguments", nargs=argparse.REMAINDER, metavar="-- COMMAND")
    arguments = parser.parse_args()
    given = places.system()
    where = places.of(given)
    try:
        if arguments.command == "setup":
            venv.ensure(where, arguments.dev)
            plugins.ensure(where, cli.obtain(where, given), given)
        elif arguments.command == "env":
            for name, value in environment.additions(where, given).items():
                print(f"export {name}={shlex.quote(value)}")
        else:
            command = arguments.arguments[1:] if arguments.arguments[:1] == ["--"] else arguments.arguments
            if not command:
                parser.error("run: which command?")
            added = environment.additions(where, given)
            os.environ.update(added)
            with stack_files.unsalted(where.project):
                return subprocess.run(command, check=False).returncode
    except (SetupFailed, ValueError) as failure:
        print(f"toolchain: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        # The command got the same signal, and has said what it had to say.
        return 130
    except FileNotFoundError as failure:
        print(f"toolchain: {failure}", file=sys.stderr)
        return 127
    return 0


if __name__ == "__main__":
    sys.exit(main())
