"""Work of this program done as another account, which may not be able to read the program's own files."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from host.accounts import Identity
from host.errors import HostError
from host.execution import die_with_parent


def run(identity: Identity, work: Callable[[], str], seconds: int) -> str:
    """What ``work`` returns. Raises ``HostError`` when it fails, or takes longer than ``seconds``.

    Whatever it imports must have been imported before.
    """
    prepare = die_with_parent()
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        _work(identity, work, seconds, writing, prepare)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read().decode()
    _, status = os.waitpid(child, 0)
    if os.waitstatus_to_exitcode(status):
        raise HostError(said or f"no end within {seconds} s")
    return said


def _work(
    identity: Identity,
    work: Callable[[], str],
    seconds: int,
    writing: int,
    prepare: Callable[[], object] | None,
) -> None:
    code = 1
    try:
        if identity.switch:
            os.setgroups([])
            os.setgid(identity.gid)
            os.setuid(identity.uid)
        # After the change of accounts, which takes it away.
        if prepare:
            prepare()
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(seconds)
        said = work()
        code = 0
    except BaseException as error:
        said = f"{type(error).__name__}: {error}"
    try:
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(said.encode())
    finally:
        # Nothing of the parent's is flushed or closed twice.
        os._exit(code)
