"""The stand-in for the language host `pulumi-language-python`.

The Pulumi SDK carries a language server for inline programs (`pulumi.automation._server`): it sets up the
runtime, runs a function as the program and answers with its error. Here that function runs the project's
entry point as `__main__`, in this process, whose interpreter is the project's virtual environment's.

The engine starts one host for each run and passes everything that the program prints on to the user.
"""

import asyncio
import os
import runpy
import subprocess
import sys
import traceback
from importlib import metadata
from pathlib import Path
from typing import Any

from google.protobuf import empty_pb2
from pulumi import RunError
from pulumi.automation._server import LanguageServer
from pulumi.runtime.proto import language_pb2, language_pb2_grpc
from pulumi.runtime.settings import SETTINGS

from toolchain.host.server import serve


class ProgramFailed(RunError):
    """The program raised: the message is its own traceback."""


class Host(LanguageServer):
    """Serves `LanguageRuntime` for a Python program on disk."""

    def __init__(self) -> None:
        super().__init__(program=lambda: None)

    def Handshake(self, request: Any, context: Any) -> Any:
        return language_pb2.LanguageHandshakeResponse()

    def Run(self, request: Any, context: Any) -> Any:
        directory = Path(request.info.program_directory or request.pwd or ".").resolve()
        entry = directory / (request.info.entry_point or ".")
        os.chdir(request.pwd or directory)
        self.program = lambda: run_to_the_end(entry)
        response = super().Run(request, context)
        if response.error:
            # The server has reported the error already: `bail` ends the run without printing it once more.
            return language_pb2.RunResponse(bail=True)
        return response

    def GetProgramDependencies(self, request: Any, context: Any) -> Any:
        found = (
            language_pb2.DependencyInfo(name=dist.name, version=dist.version)
            for dist in metadata.distributions()
        )
        return language_pb2.GetProgramDependenciesResponse(
            dependencies=sorted(found, key=lambda item: item.name)
        )

    def InstallDependencies(self, request: Any, context: Any) -> Any:
        """`pulumi install`: `python3 -m toolchain setup` makes the environment, so say so and check it."""
        check = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, check=False)
        note = f"Dependencies are those of {sys.prefix} (python3 -m toolchain setup installs them).\n"
        yield language_pb2.InstallDependenciesResponse(
            stdout=note.encode() + check.stdout, stderr=check.stderr
        )

    def RuntimeOptionsPrompts(self, request: Any, context: Any) -> Any:
        return language_pb2.RuntimeOptionsResponse()

    def Cancel(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()


async def run_to_the_end(entry: Path) -> None:
    """Run `entry`, and wait until what it began is done, or the first part of it has failed.

    The SDK waits as well, but looks at every unfinished value whenever one is ready: the square of the number
    of resources, minutes for some thousand. After this it finds nothing to wait for, or a failure to report.
    """
    run_program(entry)
    while pending := [task for task in list(SETTINGS.outputs) if not task.done()]:
        done, _ = await asyncio.wait(pending, return_when=asyncio.FIRST_EXCEPTION)
        if any(task.cancelled() or task.exception() for task in done):
            return


def run_program(entry: Path) -> None:
    """Run `entry` (a file, or a directory with `__main__.py`) as `python entry` would."""
    script = entry / "__main__.py" if entry.is_dir() else entry
    # The import roots of the host itself must not be the program's: its own directory comes first, as with
    # `python`.
    sys.path[0] = str(script.parent)
    sys.argv = [str(script)]
    try:
        runpy.run_path(str(script), run_name="__main__")
    except RunError:
        raise
    except SystemExit as leaving:
        if leaving.code not in (None, 0):
            raise ProgramFailed(f"the program ended itself with status {leaving.code}") from leaving
    except Exception as error:
        raise ProgramFailed(
            f"Program failed with an unhandled exception:\n{program_traceback(error)}"
        ) from error


def program_traceback(error: BaseException) -> str:
    """The traceback without the frames of this host and of `runpy`, which every program would have."""
    report = traceback.TracebackException.from_exception(error)
    own = {__file__, runpy.__file__, "<frozen runpy>"}
    kept = [frame for frame in report.stack if frame.filename not in own]
    report.stack = traceback.StackSummary.from_list(kept)
    return "".join(report.format())


def main() -> None:
    """Serve the language host."""
    host = Host()
    serve(lambda server: language_pb2_grpc.add_LanguageRuntimeServicer_to_server(host, server))
