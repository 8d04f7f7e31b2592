"""What a command says when it cannot go on: one sentence, with the fix."""

from __future__ import annotations


class Failure(Exception):
    """Something is wrong on the machine, in the stack or in its file."""

    status = 1


class Undeclared(Failure):
    """The stack's file asks for nothing that a command could turn to."""


class NotDeployed(Failure):
    """A service of the stack's file of which nothing is on this machine."""

    def __init__(self, service: str) -> None:
        super().__init__(f"{service}: is not deployed here; deploy it with `pulumi up`")


class Usage(Failure):
    """The command was called wrongly."""

    status = 2
