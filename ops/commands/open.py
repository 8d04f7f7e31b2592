"""``open``: the address of a service, in a browser where there is one."""

from __future__ import annotations

from typing import Annotated

import typer

from ops.options import DEFAULT_STACK, Json, Stack


def command(
    service: Annotated[str | None, typer.Argument(help="Which one; the front door if absent.")] = None,
    stack: Stack = DEFAULT_STACK,
    as_json: Json = False,
) -> None:
    """Print where a service is found in a browser, and open it there; with --json nothing is opened."""
    from ops import addresses, engine, front_door, output, stacks

    config = stacks.configured(stack)
    outputs = engine.outputs(stack)
    name = service or front_door.service(config)
    found = addresses.of(config, stacks.plan_of(config, stack), outputs["urls"], name)
    if as_json:
        output.data({"stack": stack, "service": name, "url": found.url})
        return
    print(found.url)
    password = front_door.password_file(config, outputs["data"]) if found.guarded else None
    if password:
        output.progress(f"log in as {front_door.USER}; the password is in {password}")
    if addresses.browser(found.url):
        output.progress("opened in the browser")
