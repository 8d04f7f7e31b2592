"""A hundred ways to damage a repository: each is found, and nothing of it is restored."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from small_stack import SmallStack

from host.errors import HostError
from ops.backup.repository import Repository
from ops.errors import Failure

PORT, MUTATIONS = 61310, 100
Damage = Callable[[Path, random.Random], None]


def _flip(path: Path, chance: random.Random) -> None:
    data = bytearray(path.read_bytes())
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    path.write_bytes(bytes(data))


def _cut(path: Path, chance: random.Random) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: chance.randrange(len(data))])


def _remove(path: Path, chance: random.Random) -> None:
    path.unlink()


WAYS: tuple[Damage, ...] = (_flip, _cut, _remove)


def mutations(repository: Path) -> Iterator[tuple[Path, Damage]]:
    """Every file in every way, and then again at other places: of each kind as many as of any other."""
    kinds: dict[str, list[Path]] = {}
    for path in sorted(path for path in repository.rglob("*") if path.is_file()):
        kind = path.relative_to(repository).parts[0]
        if kind != "locks":
            kinds.setdefault(kind, []).append(path)
    assert set(kinds) == {"config", "keys", "index", "snapshots", "data"}
    for number in range(MUTATIONS):
        paths = list(kinds.values())[number % len(kinds)]
        turn = number // len(kinds)
        yield paths[turn // len(WAYS) % len(paths)], WAYS[turn % len(WAYS)]


def test_each_is_found_and_none_is_restored(
    small: Callable[..., SmallStack], monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = small(PORT)
    stack.make_quick()
    # Two of them: that one of them is gone is found as well.
    with monkeypatch.context() as patched:
        patched.setattr(Repository, "thin_out", lambda self, daily, weekly: self.snapshots())
        stack.back_up()
        stack.fill("later")
        stack.back_up()
    repository = stack.root.parent / "backups" / stack.target.stack
    stack.fill("mine")
    whole = _content(repository)
    chance, counted = random.Random(6), Counter[str]()
    for path, damage in mutations(repository):
        name = f"{path.relative_to(repository)} {damage.__name__}"
        path.chmod(0o600)
        damage(path, chance)
        stack.said.clear()
        try:
            stack.restore()
        except (Failure, HostError):
            counted[f"{damage.__name__[1:]} {path.relative_to(repository).parts[0]}"] += 1
        else:
            raise AssertionError(f"{name}: was not found")
        assert not [line for line in stack.said if "stopping" in line], name
        path.write_bytes(whole[path])
        # Nothing else was changed by who has found it.
        assert _content(repository) == whole, name
    assert stack.ask("GET", "name") == "mine" and stack.value() == "mine"
    stack.no_mess()
    assert counted.total() == MUTATIONS and len(counted) == len(WAYS) * 5
    print(f"found: {dict(counted)}")
    # What is whole can be restored, so it was the damage that was refused.
    stack.restore()
    assert stack.value() == "later"


def _content(repository: Path) -> dict[Path, bytes]:
    """All of it but the locks, which the next run takes away."""
    paths = [path for path in repository.rglob("*") if path.is_file() and path.parent.name != "locks"]
    return {path: path.read_bytes() for path in paths}
