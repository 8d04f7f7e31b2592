"""Another value for a secret of the stack: what is on disk while it comes, so that a kill is picked up.

``.renewed`` says how often each was replaced, and whether the value before counts too. A renewal is
``NAME..next`` (the new value, not yet anybody's), then ``NAME`` with the old one in ``NAME..previous``
and both counting, then ``NAME`` alone counting, then ``NAME..previous`` gone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path

from components.facts import BEFORE, Renewed
from host import files

_RECORD = ".renewed"
_NEXT = "..next"


def read(root: Path) -> dict[str, Renewed]:
    """The secrets below ``root`` that were replaced; none where nobody may look."""
    try:
        found = files.read(_directory(root) / _RECORD)
    except PermissionError:
        return {}
    return {name: Renewed(**known) for name, known in json.loads(found or b"{}").items()}


def unfinished(root: Path) -> list[str]:
    """Names of the secrets whose renewal was begun and has not ended."""
    known = read(root)
    begun = {
        path.name.removesuffix(end)
        for end in (_NEXT, BEFORE)
        for path in _directory(root).glob(f"[!.]*{end}")
    }
    return sorted(begun | {name for name, one in known.items() if one.both})


def begin(root: Path, name: str, make: Callable[[], str]) -> None:
    """Have a new value in the secret's place, both counting. Again, after a kill, it goes on from there."""
    value, following, previous = (_path(root, name, end) for end in ("", _NEXT, BEFORE))
    known = read(root)
    if following.exists() or not previous.exists():
        new = files.read(following)
        if new is None:
            new = make().encode()
            _write(following, new)
        old = value.read_bytes()
        if old != new:
            _write(previous, old)
            _write(value, new)
        if name not in known or not known[name].both:
            count = known[name].count + 1 if name in known else 1
            _record(root, known | {name: Renewed(count, both=True)})
        files.remove(following)


def ending(root: Path, name: str) -> bool:
    """Whether everybody has the new value, and the one before is all that is left."""
    known = read(root).get(name)
    begun = _path(root, name, _NEXT).exists() or not _path(root, name, BEFORE).exists()
    return known is not None and not known.both and not begun


def counts_alone(root: Path, name: str) -> None:
    """Say that the value before does not count any more."""
    known = read(root)
    _record(root, known | {name: Renewed(known[name].count, both=False)})


def end(root: Path, name: str) -> None:
    """Drop the value before, which nobody accepts any more."""
    files.remove(_path(root, name, BEFORE))


def _directory(root: Path) -> Path:
    return root / "secrets"


def _path(root: Path, name: str, end: str) -> Path:
    return _directory(root) / f"{name}{end}"


def _write(path: Path, value: bytes) -> None:
    files.write(path, value, mode=0o600)


def _record(root: Path, known: Mapping[str, Renewed]) -> None:
    text = json.dumps({name: asdict(one) for name, one in sorted(known.items())}, indent=1)
    files.write(_directory(root) / _RECORD, text.encode(), mode=0o600)
