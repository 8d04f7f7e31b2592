"""A backup that is killed at twenty points: none of them counts, and the next run is clean."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from small_stack import SmallStack

from ops.backup import reading

PORT, POINTS = 61315, 20
# Stands before restic, and notes each call. At the call of one number it kills the run that called it: at
# once, or so many seconds into the call.
RESTIC = """\
#!/bin/sh
echo "$2" >> {calls}
read -r at after < {kill}
if [ "$(wc -l < {calls})" = "$at" ]; then
    # In a session of its own: what a call leaves is ended with it.
    setsid sh -c "sleep $after; kill -9 $PPID" > /dev/null 2>&1 < /dev/null &
    [ "$after" != 0 ] || sleep 5
fi
exec /usr/bin/restic "$@"
"""


@pytest.mark.long
def test_no_part_of_it_counts_and_the_next_run_is_clean(small: Callable[..., SmallStack]) -> None:
    stack = small(PORT)
    stack.make_quick()
    stack.back_up()
    calls, kill = stack.root / "calls", stack.root / "kill"
    kill.write_text("0 0\n")
    program = stack.root / "bin" / "restic"
    program.unlink()
    program.write_text(RESTIC.format(calls=calls, kill=kill))
    program.chmod(0o755)
    known = stack.back_up().snapshot
    verbs = calls.read_text().split()
    points = [(at, after) for at in range(1, len(verbs) + 1) for after in ("0", "0.05", "0.1")][:POINTS]
    assert len(points) == POINTS and "tag" in verbs
    killed = 0
    for at, after in points:
        stack.fill("before the kill")
        calls.unlink()
        kill.write_text(f"{at} {after}\n")
        process = stack.started()
        text, _ = process.communicate(timeout=120)
        kill.write_text("0 0\n")
        killed += process.returncode == -9
        assert process.returncode == -9 or (at, after) == points[-1], text
        found = stack.listed()
        if "tag" not in calls.read_text().split():
            assert [one.id for one in found] == [known.id], (verbs[at - 1], after)
        _all_are_whole(stack)
        stack.fill("after it")
        known = stack.back_up().snapshot
        assert [one.id for one in stack.listed()] == [known.id]
        stack.no_mess()
        assert not _leavings(stack), verbs[at - 1]
    assert killed >= POINTS - 1
    stack.fill("lost")
    stack.restore()
    assert stack.value() == "after it"


def _all_are_whole(stack: SmallStack) -> None:
    """Each backup that counts holds what its manifest says."""
    scratch = stack.root / "backup" / "stage"
    repository = stack.target.repository(scratch)
    for snapshot in repository.snapshots():
        reading.verify(repository, snapshot, reading.manifest_of(repository, snapshot))


def _leavings(stack: SmallStack) -> list[str]:
    """Locks, and parts of files that were being written."""
    repository = stack.root.parent / "backups" / stack.target.stack
    return [str(path) for path in repository.rglob("*") if path.parent.name == "locks" or "tmp" in path.name]
