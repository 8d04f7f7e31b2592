"""``ROOT/bin``: links to programs, replaced all or nothing as far as names allow."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from host import execution, files
from host.packages.request import PROBE_SECONDS, Request, Unavailable

VERSION = re.compile(r"\d+(?:\.\d+)+")


def prepare(request: Request) -> None:
    """Make the directories, readable by every account."""
    request.root.mkdir(mode=0o755, parents=True, exist_ok=True)
    for directory in (request.links, request.packages):
        files.directory(directory, mode=0o755)


def standing(request: Request) -> str | None:
    """The result of the run that made the links, when this request made them and they still work."""
    record = json.loads(files.read(_record(request)) or b"{}")
    if record.get("digest") != request.digest:
        return None
    if not all(os.access(request.links / program, os.X_OK) for program in request.programs):
        return None
    return record["result"] if _probe(request, request.links) is None else None


def accept(request: Request, programs: Mapping[str, Path], source: str) -> str:
    """Probe the programs, then link them.

    Returns the result line. Raises ``Unavailable`` when the probe refuses them.
    """
    with tempfile.TemporaryDirectory(prefix=".probe-", dir=request.links) as scratch:
        for program, path in programs.items():
            (Path(scratch) / program).symlink_to(path)
        refusal = _probe(request, Path(scratch))
        if refusal:
            raise Unavailable(
                f"{source} has them, but the probe {' '.join(request.probe)} refuses: {refusal}"
            )
        for program in programs:
            (Path(scratch) / program).replace(request.links / program)
    result = f"{_named(request)} from {source}"
    files.write(
        _record(request), json.dumps({"digest": request.digest, "result": result}).encode(), mode=0o644
    )
    files.sync_directory(request.links)
    return result


def _probe(request: Request, first: Path) -> str | None:
    if not request.probe:
        return None
    outcome = execution.run(request.probe, timeout=PROBE_SECONDS, env=_environment(request, first))
    return None if outcome.ok else outcome.why(lines=2)


def _named(request: Request) -> str:
    """The first program with its version, where it tells one."""
    program = request.programs[0]
    for option in ("--version", "-v"):
        outcome = execution.run([program, option], timeout=10, env=_environment(request, request.links))
        found = VERSION.search(outcome.output)
        if outcome.ok and found:
            return f"{program} {found.group()}"
    return program


def _environment(request: Request, first: Path) -> dict[str, str]:
    return execution.environment(
        f"{first}:{request.links}:/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"
    )


def _record(request: Request) -> Path:
    return request.packages / f"{request.name}.json"
