"""``watchdog start|stop|check ROOT``: memory limits and short logs, where launchd has neither.

A job of its own looks every half minute. It warns of a service above its reservation, restarts one that
stays above its limit, and rotates logs. Between two looks a service may take more; that is what a limit
of the kernel would not allow. Counted is the resident memory of a service and its children; memory that
only the GPU has mapped may not be in it.
"""

from __future__ import annotations

import contextlib
import plistlib
import sys
import time
from pathlib import Path

from host import files, notes, rotation, stdin
from host.documents import Document
from host.errors import HostError
from host.managers.launchd import Launchd

USAGE = "usage: watchdog start|stop|check ROOT [--scope user|system] [--unit PATH]"
EVERY_SECONDS = 30
STAYS_SECONDS = 5
"""A service that is above its limit is looked at again after so long, for it may be just letting go."""
_PROJECT = Path(__file__).resolve().parent.parent


def main(arguments: list[str]) -> str:
    """Parse the arguments and do it."""
    import argparse

    parser = argparse.ArgumentParser(prog="watchdog", usage=USAGE.removeprefix("usage: "))
    parser.add_argument("verb", choices=("start", "stop", "check"))
    parser.add_argument("root", type=Path)
    parser.add_argument("--scope", default="user", choices=("user", "system"))
    parser.add_argument("--unit", type=Path)
    options = parser.parse_args(arguments)
    if options.verb == "check":
        return check(options.root)
    if options.unit is None or not options.root.is_absolute():
        raise HostError(USAGE)
    job = Launchd(unit=options.unit, scope=options.scope)
    return start(options.root, job) if options.verb == "start" else stop(options.root, job)


def start(root: Path, job: Launchd) -> str:
    """Have launchd run ``check``. Idempotent."""
    directory = root / "watchdog"
    root.mkdir(mode=0o755, parents=True, exist_ok=True)
    files.directory(directory, mode=0o700)
    job.unit.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    job.wake()
    with files.locked(directory / ".lock"):
        text = plist(root, job)
        if files.read(job.unit) == text and job.shown() is not None:
            return "watchdog: running"
        files.write(job.unit, text, mode=0o644)
        job.restart()
    return "watchdog: started"


def stop(root: Path, job: Launchd) -> str:
    """Take the job away. Fine when there is none."""
    directory = root / "watchdog"
    if not directory.is_dir() and not job.unit.exists():
        return "watchdog: not running"
    files.directory(directory, mode=0o700)
    with files.locked(directory / ".lock"):
        job.forget()
    return "watchdog: stopped"


def plist(root: Path, job: Launchd) -> bytes:
    """The watchdog's own property list."""
    return plistlib.dumps(
        {
            "Label": job.unit.stem,
            "ProgramArguments": [sys.executable, "-m", "host", "watchdog", "check", str(root)],
            "WorkingDirectory": str(_PROJECT),
            "EnvironmentVariables": {"LANG": "C.UTF-8"},
            # Only what it did is written there.
            "StandardErrorPath": f"{root}/watchdog/watchdog.log",
            "StartInterval": EVERY_SECONDS,
            "ProcessType": "Background",
        }
    )


def check(root: Path) -> str:
    """Look once at every service of this root. Returns how many were restarted."""
    found = [notes.read(path.parent).applied for path in sorted(root.glob("*/applied.json"))]
    ours = [document for document in found if document and document.runtime == Launchd.name]
    for home in (root / "watchdog", *(document.home / "log" for document in ours)):
        for name in rotation.rotate(home):
            stdin.progress(f"{home / name}: rotated")
    files.directory(root / "watchdog", mode=0o700)
    watched = [document for document in ours if document.memory]
    sizes = {document.service: resident(_job(document)) for document in watched}
    _warn(root / "watchdog" / "above", watched, sizes)
    above = [document for document in watched if sizes[document.service] > document.memory]
    if above:
        time.sleep(STAYS_SECONDS)
    done = 0
    for document in above:
        size = resident(_job(document))
        if size > document.memory:
            _job(document).kick()
            over = f"{_mib(size)} are more than its memory {_mib(document.memory)}"
            stdin.progress(f"{document.service}: {over}; restarted")
            done += 1
    return f"watchdog: {done} of {len(watched)} restarted"


def _warn(known: Path, watched: list[Document], sizes: dict[str, int]) -> None:
    """Say once of a service that it is above its reservation, and once that it is no more.

    ``known`` is the file that remembers of which it was said.
    """
    before = set((files.read(known) or b"").decode().split())
    limits = {document.service: document.reservation for document in watched if document.reservation}
    now = {name for name, limit in limits.items() if sizes[name] > limit}
    for name in sorted(now - before):
        stdin.progress(f"{name}: {_mib(sizes[name])} are more than its reservation {_mib(limits[name])}")
    for name in sorted((before - now) & set(limits)):
        stdin.progress(f"{name}: {_mib(sizes[name])}, within its reservation {_mib(limits[name])} again")
    if now != before:
        files.write(known, "\n".join(sorted(now)).encode(), mode=0o600)


def _mib(size: int) -> str:
    return f"{size / 1024**2:.1f}MiB"


def _job(document: Document) -> Launchd:
    return Launchd(unit=document.unit.path, scope=document.scope)


def resident(job: Launchd) -> int:
    """Bytes that the process of a job and its children hold; 0 when it does not run."""
    import psutil

    pid = int((job.shown() or {}).get("pid", 0))
    total = 0
    with contextlib.suppress(psutil.NoSuchProcess):
        processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)] if pid else []
        for process in processes:
            with contextlib.suppress(psutil.Error):
                total += process.memory_info().rss
    return total
