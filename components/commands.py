"""Command resources that call ``host`` on the machine, all alike.

The document of a call is its standard input, so that a preview shows what will change; nothing
secret is ever an argument. ``add_previous_output_in_env`` is off, for outputs may be secrets.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pulumi
import pulumi_command

GENERATION = "HEARTH_GENERATION"
_PROJECT = Path(__file__).parent.parent


def call(*words: str) -> str:
    """The shell line that runs ``python -m host`` with ``words`` from the project's directory.

    Relative to the Pulumi program, so that a checkout may move without changing a resource.
    """
    here = os.path.relpath(_PROJECT, os.getcwd())
    line = shlex.join([".venv/bin/python", "-m", "host", *words])
    return line if here == "." else f"cd {shlex.quote(here)} && {line}"


def document(values: Mapping[str, Any]) -> str:
    """``values`` as the text given on standard input, in a stable order, readable in a diff."""
    return json.dumps(values, indent=1, sort_keys=True)


def command(
    name: str,
    *,
    parent: pulumi.Resource,
    create: str,
    delete: str | None = None,
    stdin: pulumi.Input[str] | None = None,
    generation: pulumi.Input[str] | None = None,
    after: Sequence[pulumi.Resource] = (),
    secret: bool = False,
) -> pulumi_command.local.Command:
    """One command resource. With ``secret`` its output is kept encrypted and never shown.

    ``generation`` names what the command depends on and cannot see in its document, the delivered
    secrets or the container: when it changes, the command runs again. It is apart from the document
    so that a preview can show the document before the generation is known.
    """
    return pulumi_command.local.Command(
        name,
        create=create,
        delete=delete,
        stdin=stdin,
        environment=None if generation is None else {GENERATION: generation},
        logging=pulumi_command.local.Logging.NONE if secret else pulumi_command.local.Logging.STDERR,
        add_previous_output_in_env=False,
        opts=pulumi.ResourceOptions(
            parent=parent,
            depends_on=list(after),
            additional_secret_outputs=["stdout", "stdin"] if secret else None,
        ),
    )
