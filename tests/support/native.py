"""One process on a host, with any command line and environment."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from support.stacks import plan, values

from components.runtimes.base import Stack
from components.runtimes.native import NativeService


def stack(root: str = "/var/lib/hearth/test", **changes: Any) -> Stack:
    """A stack whose services have no accounts of their own."""
    return replace(Stack(name="test", root=root, accounts=False, user="me", home="/home/me"), **changes)


_PLAIN = plan(values("supervisord", {"redis": {}})).service("redis")


def service(argv: list[str], env: dict[str, str], root: str = "/var/lib/hearth/test") -> NativeService:
    """A process with these arguments and this environment."""
    process = replace(_PLAIN.process, argv=("redis-server", *argv), env=env)
    return NativeService(spec=replace(_PLAIN, process=process), stack=stack(root), account=None)
