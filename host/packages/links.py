"""``ROOT/bin``: links to programs, replaced all or nothing as far as names allow."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from host import execution, files
from host.packages import identity
from host.packages.identity import Identity
from host.packages.request import PROBE_SECONDS, Request, Unavailable

# How many programs that were linked before are remembered.
_EARLIER = 5
VERSION = re.compile(r"\d+(?:\.\d+)+")


def prepare(request: Request) -> None:
    """Make the directories, readable by every account."""
    request.root.mkdir(mode=0o755, parents=True, exist_ok=True)
    for directory in (request.links, request.packages):
        files.directory(directory, mode=0o755)


def standing(request: Request) -> str | None:
    """The result of the run that made the links, when this request made them and they still work."""
    record = _read(request)
    if record.get("digest") != request.digest:
        return None
    programs = (*request.programs, *request.helpers)
    if not all(os.access(request.links / program, os.X_OK) for program in programs):
        return None
    if request.locked:
        # More exact than any probe: these programs have served already.
        return record["result"] if not _other(request, linked(request)) else None
    return record["result"] if _probe(request, request.links) is None else None


def earlier(request: Request) -> Iterator[tuple[dict[str, Path], str]]:
    """Programs that were linked before and are what is locked, with their source, the latest first."""
    for known in reversed(_read(request).get("earlier", [])):
        programs = {name: Path(path) for name, path in known["programs"].items()}
        whole = set(programs) == set(request.programs)
        if whole and all(os.access(path, os.X_OK) for path in programs.values()):
            yield programs, known["source"]


def linked(request: Request) -> Identity:
    """What the links lead to. Raises ``FileNotFoundError`` where there are none, or they lead nowhere."""
    programs = {program: (request.links / program).resolve(strict=True) for program in request.programs}
    source = _read(request).get("result", "").rpartition(" from ")[2] or "/"
    return identity.of(request, programs, source)


def _other(request: Request, found: Identity) -> bool:
    """Whether a lock does not allow what was found."""
    return request.locked is not None and not Identity(**request.locked).allows(found)


def accept(request: Request, programs: Mapping[str, Path], source: str) -> str:
    """Probe the programs, then link them; note when they are others than before, for a service to restart.

    Returns the result line. Raises ``Unavailable`` when the probe, or the lock, refuses them.
    """
    # What helps the programs is not of their version.
    own = {name: programs[name] for name in request.programs}
    found = identity.of(request, own, source)
    if _other(request, found):
        raise Unavailable(f"has {found}, and {Identity(**request.locked)} is locked")
    before = _read(request)
    with tempfile.TemporaryDirectory(prefix=".probe-", dir=request.links) as scratch:
        reason = refusal(request, programs, Path(scratch))
        if reason and not request.locked:
            raise Unavailable(f"{source} has them, but the probe {' '.join(request.probe)} refuses: {reason}")
        # First: a run that is killed here has announced the change already.
        if before and before.get("versions") != dict(found.versions):
            files.write(generation_path(request.root, request.name), str(found).encode(), mode=0o644)
        for program in programs:
            (Path(scratch) / program).replace(request.links / program)
    result = f"{_named(request)} from {source}"
    linked_now = {"source": source, "programs": {name: str(path) for name, path in own.items()}}
    kept = [one for one in before.get("earlier", []) if one != linked_now][-_EARLIER:]
    record = {"digest": request.digest, "result": result, "versions": dict(found.versions)}
    text = json.dumps({**record, "earlier": [*kept, linked_now]})
    files.write(_record(request), text.encode(), mode=0o644)
    files.sync_directory(request.links)
    return result


def refusal(request: Request, programs: Mapping[str, Path], scratch: Path | None = None) -> str | None:
    """Why the probe refuses programs; they are linked in ``scratch`` for it."""
    if scratch is None:
        with tempfile.TemporaryDirectory(prefix=".probe-", dir=request.links) as made:
            return refusal(request, programs, Path(made))
    for program, path in programs.items():
        (scratch / program).symlink_to(path)
    return _probe(request, scratch)


def generation_path(root: Path, name: str) -> Path:
    """Where a change of a service's programs is noted."""
    return root / "packages" / f"{name}.generation"


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


def _read(request: Request) -> dict[str, Any]:
    return json.loads(files.read(_record(request)) or b"{}")


def _record(request: Request) -> Path:
    return request.packages / f"{request.name}.json"
