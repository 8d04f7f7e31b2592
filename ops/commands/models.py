"""``models``: the declared models, fetched where they are missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ops.options import DEFAULT_STACK, Json, Stack

if TYPE_CHECKING:
    from ops.ollama import Ollama


def command(
    stack: Stack = DEFAULT_STACK,
    check: Annotated[bool, typer.Option("--check", help="Fetch nothing; fail when one is missing.")] = False,
    as_json: Json = False,
) -> None:
    """Fetch every declared model that is missing, and list them all."""
    from ops import engine, front_door, output, stacks
    from ops.declared_models import declared

    config = stacks.configured(stack)
    problems: list[str] = []
    with front_door.client(config, engine.outputs(stack)) as http:
        front_door.check(http, stack)
        models = declared(config, http)
        present, missing = models.split()
        if not check:
            for name in missing:
                problem = _fetch(models.ollama, name)
                if problem:
                    problems.append(problem)
            present, missing = models.split()
    if as_json:
        output.data({"stack": stack, "present": present, "missing": missing})
    else:
        states = [(name, "present" if name in present else "missing") for name in models.names]
        output.table(("model", "state"), states)
    for problem in dict.fromkeys(problems):
        output.progress(f"hearth: {problem}")
    if missing:
        raise typer.Exit(1)


def _fetch(ollama: Ollama, model: str) -> str | None:
    """Pull ``model`` with a bar on stderr. Returns why it could not be had, as a sentence."""
    from rich.progress import Progress

    from ops.ollama import OllamaError
    from ops.output import console

    try:
        with Progress(console=console(stderr=True), transient=True) as bars:
            bar = bars.add_task(model, total=None)
            for step in ollama.pull(model):
                doing = f"{model}: {step['status'][:30]}"
                bars.update(
                    bar, description=doing, total=step.get("total"), completed=step.get("completed", 0)
                )
    except OllamaError as error:
        return why_not(model, str(error))
    return None


def why_not(model: str, reason: str) -> str:
    """Ollama's reason as a sentence with the fix."""
    if "file does not exist" in reason:
        return f"{model}: the hub knows no such model; correct the name in hearth:services"
    if 'Get "http' in reason or "dial tcp" in reason:
        # What follows the last colon of a chain of Go errors is its root.
        root = reason.rpartition(": ")[2]
        return f"the model hub cannot be reached from Ollama ({root}); run this again where it can be"
    return f"{model}: {reason}; run this again"
