"""Capturing one service: its files, and what each of them holds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

from components.captures import Capture
from components.units import format_bytes
from ops.backup import databases, manifest
from ops.backup.manifest import Kept, Part
from ops.backup.sites import Site
from ops.errors import Failure

Progress = Callable[[str], None]


def service(site: Site, stage: Path, progress: Progress) -> Part:
    """Put what the service's policy names below ``stage``, in a directory of the service's name."""
    began = time.monotonic()
    name, policy = site.spec.name, site.spec.backup
    assert policy is not None
    site.require_running()
    directory = stage / "files" / name
    directory.mkdir(parents=True)
    found: list[Kept] = []
    for capture in policy.captures:
        for item in items(site, capture, stage):
            path = f"{name}/{file_name(capture, item)}"
            target = stage / "files" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            site.save(words(capture.save, item), target)
            found.append(kept(target, path, capture.name, item, tally(site, capture, target, stage)))
            progress(f"{path}: {format_bytes(found[-1].size)}")
    if policy.files:
        path = f"{name}/{manifest.DATA}"
        progress(f"{name}: stopped while its data is copied")
        site.stop()
        try:
            site.read_data(stage / "files" / path)
        finally:
            site.start()
            site.note.unlink()
        archive = stage / "files" / path
        try:
            held = databases.tally(archive, stage)
        except Failure as error:
            raise Failure(
                f"{name}: {error}; bring it back from an older backup: ./hearth restore {name} --snapshot ID"
            ) from None
        found.append(kept(archive, path, held=held))
        progress(f"{path}: {format_bytes(found[-1].size)}")
    return Part(site.spec.type, tuple(found), round(time.monotonic() - began, 2))


def items(site: Site, capture: Capture, stage: Path) -> Iterator[str | None]:
    """What a capture is made for: each line that ``each`` prints, or once."""
    if not capture.each:
        yield None
        return
    listing = stage / "items"
    site.save(capture.each, listing)
    yield from listing.read_text().splitlines()


def tally(site: Site, capture: Capture, file: Path, stage: Path) -> tuple[str, ...]:
    """What a file holds. Raises when it is damaged."""
    counted = stage / "tally"
    site.apart(capture.tally, file, counted)
    return tuple(counted.read_text(errors="replace").splitlines())


def words(argv: tuple[str, ...], item: str | None) -> list[str]:
    """A command for one item."""
    return [word.replace("{item}", item) if item is not None else word for word in argv]


def file_name(capture: Capture, item: str | None) -> str:
    """Name of a capture's file; an item is quoted, for it may hold any character."""
    return capture.name if item is None else capture.name.replace("{item}", quote(item, safe=""))


def kept(
    path: Path, name: str, capture: str | None = None, item: str | None = None, held: tuple[str, ...] = ()
) -> Kept:
    """A file as the manifest tells of it."""
    with path.open("rb") as file:
        size, sha256 = manifest.measure(file)
    return Kept(name, size, sha256, capture, item, held)
