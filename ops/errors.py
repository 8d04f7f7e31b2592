"""What a command says when it cannot go on: one sentence, with the fix."""

from __future__ import annotations


class Failure(Exception):
    """Something is wrong on the machine, in the stack or in its file."""

    status = 1


class Usage(Failure):
    """The command was called wrongly."""

    status = 2
