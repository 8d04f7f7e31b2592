"""``smoke``: proof that a deployed stack works, and where to go from there."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.options import DEFAULT_STACK, Json, Stack

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from components.config import StackConfig
    from ops.declared_models import Declared
    from ops.proof import Answer

PROMPT = "Why is the sky blue?"
RANDOM = "Its words are random: the model was made here with random weights, and proves only the path."


def command(
    stack: Stack = DEFAULT_STACK,
    prompt: Annotated[
        str | None, typer.Option("--prompt", "-p", help=f"What to ask; if not said, {PROMPT!r}")
    ] = None,
    as_json: Json = False,
) -> None:
    """Send a prompt through the front door to a model, show its answer and every address.

    Fails when no answer comes or an open port does not accept. A declared model that is missing
    is reported and is no failure: a machine may be off line. Nor is a stack without a front door or
    models, unless it was said what to ask.
    """
    from ops import engine, front_door, output, proof, stacks
    from ops.errors import Undeclared

    config = stacks.configured(stack)
    outputs = engine.outputs(stack)
    asked: Asked | None = None
    try:
        asked = _ask(stack, config, outputs, prompt or PROMPT, as_json)
    except Undeclared as error:
        if prompt:
            raise
        output.progress(f"no model was asked: {error}")
    there = (asked.door, asked.url, {asked.models.service: asked.models.prefix}) if asked else ("", "", {})
    rows = proof.access(outputs, *there)
    if as_json:
        answer = asdict(asked.answer) if asked else None
        output.data({"stack": stack, "answer": answer, "services": [asdict(row) for row in rows]})
    else:
        if asked:
            _report(stack, asked.answer)
        print()
        output.table(
            ("service", "through the front door", "on this host", "state"),
            [(row.service, row.url, row.address, row.state) for row in rows],
        )
        print("\nWhat to do next")
        if asked:
            _advise(asked, front_door.password_file(config, outputs["data"]))
        print(f"  is it as planned  ./hearth drift --stack {stack}")
    if broken := ", ".join(row.service for row in rows if row.state == proof.BROKEN):
        output.progress(f"hearth: {broken}: open, and nothing accepts; see ./hearth drift --stack {stack}")
        raise typer.Exit(1)


@dataclass(frozen=True)
class Asked:
    """A model behind a front door, and what it said."""

    door: str
    url: str
    models: Declared
    answer: Answer


def _ask(stack: str, config: StackConfig, outputs: Mapping[str, Any], prompt: str, quiet: bool) -> Asked:
    from ops import front_door, output, proof
    from ops.declared_models import declared

    with front_door.client(config, outputs) as http:
        front_door.check(http, stack)
        models = declared(config, http)

        def announce(model: str, made_up: bool) -> None:
            output.progress(f"{model} is asked: {prompt}")
            if made_up:
                output.progress(RANDOM)

        answer = proof.ask(models, prompt, announce, show=(lambda part: None) if quiet else output.tokens)
    return Asked(front_door.service(config), front_door.url(config, outputs["urls"]), models, answer)


def _report(stack: str, answer: Answer) -> None:
    note = f" {RANDOM}" if answer.random else ""
    print(f"\n\n{answer.model} answered in {answer.seconds} s.{note}")
    for name in answer.missing:
        print(f"missing: {name}; `./hearth models --stack {stack}` fetches it")


def _advise(asked: Asked, password: Path | None) -> None:
    from ops import front_door

    base = f"{asked.url}{asked.models.prefix}"
    # curl asks for it: written in the command it would be seen in the list of processes.
    login = f" -u {front_door.USER}" if password else ""
    insecure = " -k" if asked.url.startswith("https") else ""
    body = f'{{"model": "{asked.answer.model}", "prompt": "Hello"}}'
    print(f"  ask it yourself   curl{insecure}{login} {base}api/generate -d '{body}'")
    if password:
        print(f"  its password      in {password}")
    print(f"  OpenAI clients    base URL {base}v1")
