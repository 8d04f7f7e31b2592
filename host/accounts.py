"""System accounts that services run as."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import subprocess
import sys
from dataclasses import dataclass

from host.errors import HostError


@dataclass(frozen=True)
class Identity:
    """Who a service's programs run as. ``switch`` is true when that is not who runs this."""

    uid: int
    gid: int
    switch: bool = False


def current() -> Identity:
    """Whoever runs this."""
    return Identity(uid=os.geteuid(), gid=os.getegid())


def find(account: str | None) -> Identity | None:
    """The identity of an account; None when there is no such account."""
    if account is None:
        return current()
    try:
        entry = pwd.getpwnam(account)
    except KeyError:
        return None
    return Identity(uid=entry.pw_uid, gid=entry.pw_gid, switch=entry.pw_uid != os.geteuid())


def ensure(account: str | None) -> Identity:
    """The identity of an account, made when absent.

    Raises ``HostError`` when it cannot be made, or when only root could run programs as it.
    """
    identity = find(account) or _create(str(account))
    if identity.switch and os.geteuid() != 0:
        raise HostError(
            f"account {account}: only root can run as another account; run as root, or leave it out"
        )
    return identity


def group(name: str) -> int | None:
    """The number of a group; None when there is no such group."""
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return None


def ensure_group(name: str) -> int:
    """The number of a group, made when absent. Raises ``HostError`` when it cannot be made."""
    if group(name) is None:
        # 9 is "name already in use": another run was faster.
        _change("groupadd", "--system", name, fine=(0, 9))
    found = group(name)
    if found is None:
        raise HostError(f"group {name}: groupadd made none")
    return found


def is_member(account: str, name: str) -> bool:
    """Whether an account is in a group beside its own."""
    return group(name) is not None and account in grp.getgrnam(name).gr_mem


def join(account: str, name: str) -> None:
    """Put an account into a group, made when absent. Raises ``HostError`` when that fails."""
    ensure_group(name)
    if not is_member(account, name):
        _change("usermod", "--append", "--groups", name, account)


def _change(name: str, *arguments: str, fine: tuple[int, ...] = (0,)) -> None:
    # Root's own PATH may lack them: cron's does, and that of a plain su.
    program = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    if program is None:
        raise HostError(f"{name}: not found; install the package that brings it (passwd, or shadow-utils)")
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    if done.returncode not in fine:
        raise HostError(f"{name} {' '.join(arguments)} failed: {done.stderr.strip()}")


def _maker() -> str:
    # macOS has no useradd, and an account made behind its back would show at the login screen.
    return "sudo sysadminctl -addUser" if sys.platform == "darwin" else "useradd --system"


def _create(account: str) -> Identity:
    if os.geteuid() != 0 or sys.platform != "linux":
        raise HostError(f"account {account}: there is none; make it ({_maker()} {account}), or leave it out")
    home, shell = ("--home-dir", "/nonexistent"), ("--shell", "/usr/sbin/nologin")
    # 9 is "name already in use": another run was faster.
    _change("useradd", "--system", "--user-group", "--no-create-home", *home, *shell, account, fine=(0, 9))
    identity = find(account)
    if identity is None:
        raise HostError(f"account {account}: useradd made none")
    return identity
