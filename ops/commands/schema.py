"""``schema``: the JSON schema of stack files, for editors."""

from __future__ import annotations

from typing import Annotated

import typer


def command(
    write: Annotated[bool, typer.Option("--write", help="Store it where editors look for it.")] = False,
) -> None:
    """Print the JSON schema of Pulumi.<stack>.yaml files, made from the settings' own classes."""
    from ops import output, schema

    if not write:
        print(schema.text(), end="")
        return
    schema.PATH.parent.mkdir(exist_ok=True)
    schema.PATH.write_text(schema.text())
    output.progress(f"written: {schema.PATH}")
