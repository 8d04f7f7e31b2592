"""``smoke``: proof that a deployed stack works, and where to go from there."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from ops.options import DEFAULT_STACK, Json, Stack

if TYPE_CHECKING:
    from ops.proof import Access, Answer

RANDOM = "Its words are random: the model was made here with random weights, and proves only the path."


def command(
    stack: Stack = DEFAULT_STACK,
    prompt: Annotated[str, typer.Option("--prompt", "-p", help="What to ask.")] = "Why is the sky blue?",
    as_json: Json = False,
) -> None:
    """Send a prompt through the front door to a model, show its answer and every address.

    Fails when no answer comes or an open port does not accept. A declared model that is missing
    is reported and is no failure: a machine may be off line.
    """
    from ops import engine, front_door, output, proof, stacks
    from ops.declared_models import declared

    config = stacks.configured(stack)
    outputs = engine.outputs(stack)
    with front_door.client(config, outputs) as http:
        front_door.check(http, stack)
        models = declared(config, http)

        def announce(model: str, made_up: bool) -> None:
            output.progress(f"{model} is asked: {prompt}")
            if made_up:
                output.progress(RANDOM)

        answer = proof.ask(models, prompt, announce, show=(lambda part: None) if as_json else output.tokens)
    door, url = front_door.service(config), front_door.url(config, outputs["urls"])
    rows = proof.access(outputs, door, url, {models.service: models.prefix})
    broken = [row.service for row in rows if row.state == proof.BROKEN]
    if as_json:
        output.data({"stack": stack, "answer": asdict(answer), "services": [asdict(row) for row in rows]})
    else:
        _report(stack, answer, rows)
        password = front_door.password_file(config, outputs["data"])
        # curl asks for it: written in the command it would be seen in the list of processes.
        login = f" -u {front_door.USER}" if password else ""
        insecure = " -k" if url.startswith("https") else ""
        body = f'{{"model": "{answer.model}", "prompt": "Hello"}}'
        print("\nWhat to do next")
        print(f"  ask it yourself   curl{insecure}{login} {url}{models.prefix}api/generate -d '{body}'")
        if password:
            print(f"  its password      in {password}")
        print(f"  OpenAI clients    base URL {url}{models.prefix}v1")
        print(f"  is it as planned  ./hearth drift --stack {stack}")
    if broken:
        names = ", ".join(broken)
        output.progress(f"hearth: {names}: open, and nothing accepts; see ./hearth drift --stack {stack}")
        raise typer.Exit(1)


def _report(stack: str, answer: Answer, rows: list[Access]) -> None:
    from ops import output

    note = f" {RANDOM}" if answer.random else ""
    print(f"\n\n{answer.model} answered in {answer.seconds} s.{note}")
    for name in answer.missing:
        print(f"missing: {name}; `./hearth models --stack {stack}` fetches it")
    print()
    columns = ("service", "through the front door", "on this host", "state")
    output.table(columns, [(row.service, row.url, row.address, row.state) for row in rows])
