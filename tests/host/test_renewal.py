"""A secret that gets another value, killed after each thing that it writes."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from components.facts import Renewed
from host import files, renewal, vault


class KilledError(BaseException):
    """Nothing handles it."""


def files_of(root: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in (root / "secrets").iterdir() if path.name[0] != "."}


def whole(root: Path) -> None:
    """What ``ops.rotation`` does, without Pulumi."""
    if not renewal.ending(root, "redis"):
        renewal.begin(root, "redis", vault.MAKERS["password"])
        assert files_of(root).keys() == {"redis", "redis..previous"}
        assert renewal.read(root)["redis"].both
        renewal.counts_alone(root, "redis")
    renewal.end(root, "redis")


def test_the_old_value_is_kept_until_the_end(tmp_path: Path) -> None:
    old = vault.secret(tmp_path, "redis")
    assert renewal.unfinished(tmp_path) == []
    renewal.begin(tmp_path, "redis", lambda: "new")
    assert files_of(tmp_path) == {"redis": "new", "redis..previous": old}
    assert renewal.read(tmp_path) == {"redis": Renewed(1, both=True)}
    assert renewal.unfinished(tmp_path) == ["redis"]
    assert vault.secret(tmp_path, "redis..previous") == old
    renewal.counts_alone(tmp_path, "redis")
    assert renewal.unfinished(tmp_path) == ["redis"]
    renewal.end(tmp_path, "redis")
    assert files_of(tmp_path) == {"redis": "new"}
    assert renewal.read(tmp_path) == {"redis": Renewed(1, both=False)}


@pytest.mark.parametrize("step", range(12))
def test_a_kill_is_picked_up_and_makes_no_second_new_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    old = vault.secret(tmp_path, "redis")
    writes = itertools.count()

    def killed(change: object) -> object:
        def instead(*arguments: object, **more: object) -> object:
            if next(writes) == step:
                raise KilledError
            return change(*arguments, **more)

        return instead

    with monkeypatch.context() as patched:
        patched.setattr(files, "write", killed(files.write))
        patched.setattr(files, "remove", killed(files.remove))
        try:
            whole(tmp_path)
            done = True
        except KilledError:
            done = False
    assert done is (step >= 7), "as many things are written"
    begun = (tmp_path / "secrets" / "redis..next").exists() or renewal.unfinished(tmp_path)
    seen = files_of(tmp_path)
    if not done:
        whole(tmp_path)
    assert files_of(tmp_path).keys() == {"redis"}
    assert renewal.unfinished(tmp_path) == []
    assert renewal.read(tmp_path) == {"redis": Renewed(1, both=False)}
    new = files_of(tmp_path)["redis"]
    assert new != old
    if begun:
        assert new in seen.values()


def test_nobody_else_reads_any_of_it(tmp_path: Path) -> None:
    vault.secret(tmp_path, "redis")
    renewal.begin(tmp_path, "redis", lambda: "new")
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "secrets").iterdir()} == {0o600}


def test_a_secret_that_was_never_made_is_no_renewal(tmp_path: Path) -> None:
    assert renewal.read(tmp_path / "nowhere") == {}
    assert renewal.unfinished(tmp_path / "nowhere") == []
