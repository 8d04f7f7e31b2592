"""Entry of the executables in `toolchain/bin`: `launch.py <plugin> <arguments of the engine>`."""

import importlib
import sys
from pathlib import Path

PLUGINS = {
    "pulumi-language-python": "toolchain.host.language",
    "pulumi-resource-command": "toolchain.host.command.plugin",
    "pulumi-resource-docker": "toolchain.host.docker.plugin",
}


def main() -> None:
    """Run the plugin named by the first argument."""
    plugin = sys.argv.pop(1)
    # This folder itself is not an import root: its module names must not hide anyone's packages.
    sys.path[0] = str(Path(__file__).resolve().parents[2])
    importlib.import_module(PLUGINS[plugin]).main()


if __name__ == "__main__":
    main()
