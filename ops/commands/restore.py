"""``restore``: bring services back to a backup."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ops.options import DEFAULT_STACK, From, Json, Place, Stack

if TYPE_CHECKING:
    from ops.backup.target import Target


def command(
    services: Annotated[list[str] | None, typer.Argument(help="Services to restore.")] = None,
    stack: Stack = DEFAULT_STACK,
    everything: Annotated[bool, typer.Option("--all", help="All services that have backups.")] = False,
    snapshot: Annotated[
        str | None, typer.Option("--snapshot", metavar="ID", help="Which backup; the latest if not said.")
    ] = None,
    place: From = Place.FIRST,
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            metavar="MOMENT",
            help='Of services that archive every change: as they were then, such as "2026-11-30 12:00".',
        ),
    ] = None,
    own_files: Annotated[
        Path | None,
        typer.Option(
            "--own-files", metavar="DIR", help="Only write the stack's file, state, secrets to DIR."
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen, and end.")] = False,
    as_json: Json = False,
) -> None:
    """Verify the repository, restore services one after the other, check each.

    What a service held before is deleted once the restored data is checked; if anything fails, it is back
    in its place. Without a name and without --all you are asked what to restore.
    """
    from ops import output
    from ops.backup import jobs, target
    from ops.errors import Usage

    found = target.of(stack)
    if own_files:
        written = jobs.hand_out_own(found, snapshot, own_files, place)
        output.progress(f"written to {own_files}: {len(written)} files; secrets are among them")
        return
    if at:
        _to_moment(found, services or [], at, snapshot, yes=yes, dry_run=dry_run, as_json=as_json)
        return
    if services and everything:
        raise Usage("name services, or say --all")
    chosen = found.named(services or [])
    if not services and not everything:
        chosen, snapshot = _asked(found, snapshot, place)
    if dry_run:
        output.progress(f"would stop, replace and check, in this order: {', '.join(chosen)}")
        return
    if not yes:
        _confirm(stack, chosen)
    restored, problems = jobs.restore(found, chosen, snapshot, output.progress, place)
    if as_json:
        data = {"stack": stack, "snapshot": restored.id, "services": chosen, "missing": problems}
        output.data(data)
    else:
        print(f"restored from backup {restored.short}: {', '.join(chosen)}")
        for problem in problems:
            output.progress(f"may be missing: {problem}")


def _to_moment(
    found: Target, names: list[str], at: str, snapshot: str | None, *, yes: bool, dry_run: bool, as_json: bool
) -> None:
    """Bring these services, or all that can be, to a moment."""
    from ops import output
    from ops.backup import moment
    from ops.errors import Usage

    if snapshot:
        raise Usage("say --at or --snapshot: a moment comes from an archive of changes, not from a backup")
    when = moment.parse(at)
    chosen = [spec.name for spec in moment.archived(found, names)]
    shown = f"{when.astimezone():%Y-%m-%d %H:%M:%S %z}"
    if dry_run:
        output.progress(f"would stop, bring to {shown} and start, in this order: {', '.join(chosen)}")
        return
    if not yes:
        _confirm(found.stack, chosen)
    moment.restore(found, chosen, when, output.progress)
    if as_json:
        output.data({"stack": found.stack, "at": when.isoformat(), "services": chosen})
    else:
        print(f"as of {shown}: {', '.join(chosen)}")


def _asked(found: Target, snapshot: str | None, place: Place) -> tuple[list[str], str | None]:
    """What to restore and from which backup, as the person says."""
    from ops import output
    from ops.backup import jobs

    known = jobs.snapshots(found, place)
    rows = [(one.short, one.time[:19], ", ".join(stored.services)) for one, stored in known]
    output.table(("backup", "taken", "services"), rows, stderr=True)
    snapshot = snapshot or _answer("Which backup? (empty: the latest) ") or None
    names = _answer("Which services? (empty: all) ").replace(",", " ").split()
    return found.named(names), snapshot


def _confirm(stack: str, services: Sequence[str]) -> None:
    from ops.errors import Failure

    names = ", ".join(services)
    if _answer(f"What {names} hold now is replaced. Type the stack's name ({stack}) to go on: ") != stack:
        raise Failure("nothing was restored; type the stack's name, or say --yes")


def _answer(question: str) -> str:
    try:
        return input(question).strip()
    except EOFError:
        return ""
