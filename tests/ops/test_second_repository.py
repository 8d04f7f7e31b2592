"""A second repository has a verified copy of each backup; that it fails costs nothing in the first."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from small_stack import SmallStack

from host.errors import HostError
from ops.backup import jobs, reading, runs
from ops.backup.places import Place
from ops.backup.repository import Repository
from ops.errors import Failure, Usage

PORT = 61300


@pytest.fixture
def stack(small: Callable[..., SmallStack], tmp_path: Path) -> SmallStack:
    """With a second repository."""
    made = small(PORT, copy_to=str(tmp_path / "second"), copy_keep_daily=1)
    made.make_quick()
    made.make_quick(Place.SECOND)
    return made


def test_every_backup_is_copied_and_verified_and_can_be_restored_from_there(stack: SmallStack) -> None:
    first = stack.back_up()
    assert first.copy and first.copy.id != first.snapshot.id
    stack.fill("later")
    later = stack.back_up()
    assert later.copy
    assert [one.id for one in stack.listed(Place.SECOND)] == [later.copy.id]
    assert stack.reason(runs.COPY) is None
    metrics = (stack.root / "backup" / "metrics" / "backup_runs.prom").read_text()
    assert 'hearth_backup_run_failed{run="copy"} 0' in metrics
    # The first one is lost with its disk.
    shutil.rmtree(stack.target.repository(stack.root / "backup" / "x").location)
    (stack.root / "backup" / "x").rmdir()
    stack.fill("lost")
    with pytest.raises(Failure):
        stack.restore()
    stack.restore(place=Place.SECOND)
    assert stack.value() == "later"
    stack.no_mess()


def test_a_copy_that_fails_costs_nothing_in_the_first(
    stack: SmallStack, hearth: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied = stack.back_up()
    place = Path(stack.settings["copy_to"])
    hidden = place.rename(place.with_name("hidden"))
    place.write_text("no directory")
    stack.fill("later")
    monkeypatch.setattr("ops.backup.target.of", lambda name: stack.target)
    said = hearth("backup")
    assert said.status == 1 and "is complete; it is not in" in said.err, said.err
    assert str(place) in (stack.reason(runs.COPY) or "") and stack.reason(runs.BACKUP) is None
    metrics = (stack.root / "backup" / "metrics" / "backup_runs.prom").read_text()
    assert 'run="copy"} 1' in metrics and 'run="backup"} 0' in metrics
    stack.fill("lost")
    stack.restore()
    assert stack.value() == "later"
    # Once the place is there again, so is the older copy, and the next one joins it.
    place.unlink()
    hidden.rename(place)
    assert copied.copy and [one.id for one in stack.listed(Place.SECOND)] == [copied.copy.id]
    again = stack.back_up()
    assert again.copy and stack.listed(Place.SECOND)[-1].id == again.copy.id
    stack.no_mess()


def test_a_copy_that_was_not_verified_counts_for_nothing(
    stack: SmallStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    verify = reading.verify

    def stopped(repository: Repository, *words: Any) -> None:
        if repository.location == str(stack.settings["copy_to"]):
            raise HostError("stopped here")
        verify(repository, *words)

    stack.back_up()
    known = stack.listed(Place.SECOND)
    stack.fill("later")
    with monkeypatch.context() as patched:
        patched.setattr(reading, "verify", stopped)
        with pytest.raises(Failure, match="stopped here"):
            stack.back_up()
    assert stack.listed(Place.SECOND) == known


def test_a_disk_that_is_not_mounted_is_no_new_place(stack: SmallStack) -> None:
    stack.back_up()
    places = [stack.root.parent / "backups" / "test", Path(stack.settings["copy_to"])]
    for which, place in zip(Place, places, strict=True):
        hidden = place.rename(place.with_name("unmounted"))
        place.mkdir()
        for attempt in (stack.back_up, partial(stack.restore, place=which)):
            with pytest.raises(Failure, match="is gone, and 1 backups"):
                attempt()
        assert not list(place.iterdir())
        place.rmdir()
        hidden.rename(place)
    assert stack.back_up().copy
    for place in places:
        shutil.rmtree(place)
    jobs.back_up(stack.target, stack.said.append, anew=True)
    assert len(stack.listed()) == len(stack.listed(Place.SECOND)) == 1


def test_damage_of_the_copy_is_found_there(stack: SmallStack) -> None:
    stack.back_up()
    stack.fill("mine")
    packs = sorted(Path(stack.settings["copy_to"], "data").rglob("*"))
    pack = next(path for path in packs if path.is_file())
    pack.chmod(0o600)
    pack.write_bytes(pack.read_bytes()[:-1])
    with pytest.raises(Failure, match="damaged"):
        stack.restore(place=Place.SECOND)
    assert stack.value() == "mine"


def test_a_stack_without_one_says_so(small: Callable[..., SmallStack]) -> None:
    made = small(PORT + 1)
    with pytest.raises(Usage, match="copy-to"):
        made.listed(Place.SECOND)
