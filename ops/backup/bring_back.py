"""Bringing one service back, or leaving it as it was."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from components.captures import Capture
from host.errors import HostError
from ops.backup import capture, manifest, search
from ops.backup.capture import Progress
from ops.backup.manifest import Kept, Part
from ops.backup.sites import Site
from ops.errors import Failure


def service(site: Site, part: Part, stage: Path, progress: Progress) -> list[str]:
    """Restore what ``stage`` holds of the service. Returns what could not be brought back and may be missing.

    Raises ``Failure`` when anything else went wrong; then the service is as it was before.
    """
    name, policy = site.spec.name, site.spec.backup
    assert policy is not None
    chosen = _matched(site, part)
    if not policy.replaces:
        problems = _load(site, chosen, stage, progress)
        return [*problems, *_differences(site, chosen, stage)]
    progress(f"{name}: stopping")
    try:
        site.stop()
        site.aside()
        _place(site, part, chosen, stage)
        progress(f"{name}: starting with what was stored")
        site.start()
        problems = _load(site, chosen, stage, progress)
        site.tasks()
        progress(f"{name}: checking")
        found = _differences(site, chosen, stage)
        if found:
            raise Failure(
                f"{name}: differs from the backup ({'; '.join(found[:3])}); did something write to it?"
            )
        search.require(site, stage, progress)
    except BaseException as error:
        progress(f"{name}: putting back what was there")
        _roll_back(site, error)
        raise
    site.drop()
    site.note.unlink()
    return problems


def to_moment(site: Site, recover: Sequence[str], progress: Progress) -> None:
    """Put in the place of the service's data what ``recover`` makes of its archive.

    Raises ``Failure`` or ``HostError`` when anything went wrong; then the service is as it was before.
    """
    name = site.spec.name
    progress(f"{name}: stopping")
    try:
        site.stop()
        site.aside()
        progress(f"{name}: recovering from its archive")
        site.within(recover)
        progress(f"{name}: starting")
        site.start()
    except BaseException as error:
        progress(f"{name}: putting back what was there")
        _roll_back(site, error)
        raise
    site.drop()
    site.note.unlink()


def recover(site: Site, progress: Progress) -> None:
    """Undo what was killed half-way."""
    progress(f"{site.spec.name}: an earlier run did not end; starting with what was there before it")
    restart(site)


def restart(site: Site) -> None:
    """Have the service run with what was there before it was stopped."""
    site.stop()
    site.put_back()
    site.start()
    site.note.unlink()


def _matched(site: Site, part: Part) -> list[tuple[Kept, Capture]]:
    policy = site.spec.backup
    assert policy is not None
    captures = {one.name: one for one in policy.captures}
    if part.kind != site.spec.type:
        raise Failure(f"{site.spec.name}: was {part.kind} in the backup, and is {site.spec.type}")
    unknown = [kept.path for kept in part.files if kept.capture and kept.capture not in captures]
    if unknown:
        raise Failure(f"{unknown[0]}: this version of Hearth does not know how to bring it back")
    return [(kept, captures[kept.capture]) for kept in part.files if kept.capture]


def _place(site: Site, part: Part, chosen: list[tuple[Kept, Capture]], stage: Path) -> None:
    policy = site.spec.backup
    assert policy is not None
    for kept in part.files:
        if kept.path == f"{site.spec.name}/{manifest.DATA}":
            site.write_data(stage / "files" / kept.path)
    placed = {one.place: stage / "files" / kept.path for kept, one in chosen if one.place}
    for number, (path, content) in enumerate(policy.beside.items()):
        placed[path] = stage / f"beside-{number}"
        placed[path].write_text(content)
    if placed:
        site.place(placed)


def _load(site: Site, chosen: list[tuple[Kept, Capture]], stage: Path, progress: Progress) -> list[str]:
    problems = []
    for kept, one in chosen:
        if not one.load:
            continue
        progress(f"{kept.path}: loading")
        try:
            site.load(capture.words(one.load, kept.item), stage / "files" / kept.path)
        except (Failure, HostError) as error:
            if not one.optional:
                raise
            problems.append(f"{kept.path}: {str(error).splitlines()[-1]}")
    return problems


def _differences(site: Site, chosen: list[tuple[Kept, Capture]], stage: Path) -> list[str]:
    """What the backup tells of and the service does not have; what it has besides does not matter."""
    missing = []
    for kept, one in chosen:
        again = stage / "again"
        site.save(capture.words(one.save, kept.item), again)
        there = {"", *map(one.fact, capture.tally(site, one, again, stage))}
        again.unlink()
        if not there.issuperset(map(one.fact, kept.tally)):
            # Other tools may have counted then. The file is what it was, so today's may count it again.
            stored = capture.tally(site, one, stage / "files" / kept.path, stage)
            missing += [f"{kept.path}: {line}" for line in stored if one.fact(line) not in there]
    return missing


def _roll_back(site: Site, reason: BaseException) -> None:
    try:
        restart(site)
    except (Failure, HostError) as error:
        raise Failure(f"{reason}\nWhat was there before is in its place, and does not run: {error}") from None
