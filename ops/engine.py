"""Asking Pulumi: outputs and resources of a deployed stack.

The shape of an export: https://www.pulumi.com/docs/iac/cli/commands/pulumi_stack_export/
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ops.errors import Failure

# How the engine marks a secret in a state: sdk/go/common/resource/sig, "Key" and "Secret".
_SIGNATURE, _SECRET = "4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270"


@dataclass(frozen=True)
class Resource:
    """One resource of a state, secrets in plain text where they were asked for."""

    type: str
    name: str
    id: str
    inputs: Mapping[str, Any]


def _run(
    arguments: list[str], stack: str, shown: bool = False, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    argv = ["pulumi", "--non-interactive", *arguments, "--stack", stack]
    # What is shown is progress, and stdout is for results.
    streams = {"stdout": sys.stderr} if shown else {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    try:
        return subprocess.run(argv, text=True, check=False, env=environment, **streams)
    except FileNotFoundError:
        raise Failure("pulumi: not found; run `make setup`, and start this command as ./hearth") from None


def _failure(arguments: list[str], errors: str) -> Failure:
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    why = next((line for line in lines if line.startswith("error:")), lines[-1] if lines else "it failed")
    return Failure(f"pulumi {' '.join(arguments[:2])}: {why.removeprefix('error:').strip()}")


def _asked(arguments: list[str], stack: str) -> Any:
    """Pulumi's answer as data; ``None`` when there is no such stack."""
    done = _run(arguments, stack)
    if done.returncode == 0:
        return json.loads(done.stdout)
    if "no stack named" in done.stderr:
        return None
    raise _failure(arguments, done.stderr)


def outputs(stack: str) -> dict[str, Any]:
    """What the program exported. Raises ``Failure`` when the stack is not deployed."""
    found = _asked(["stack", "output", "--json"], stack)
    if not found or "urls" not in found:
        raise not_deployed(stack)
    return found


def not_deployed(stack: str) -> Failure:
    """What is said of a stack that has no state, or none of use."""
    return Failure(f"stack {stack} is not deployed; deploy it with `pulumi up --stack {stack}`")


def resources(stack: str, *, secrets: bool = False) -> list[Resource]:
    """Everything in the stack's state, dependencies first; nothing for a stack that is not there."""
    arguments = ["stack", "export", *(["--show-secrets"] if secrets else [])]
    state = _asked(arguments, stack) or {}
    return [
        Resource(
            type=entry["type"],
            name=entry["urn"].rpartition("::")[2],
            id=entry.get("id", ""),
            inputs=_revealed(entry.get("inputs", {})),
        )
        for entry in state.get("deployment", {}).get("resources") or []
        if not entry.get("delete")
    ]


def exported(stack: str) -> dict[str, Any] | None:
    """The stack's state, its secrets encrypted; ``None`` for a stack that is not there."""
    return _asked(["stack", "export"], stack)


def elsewhere(arguments: list[str], stack: str, environment: Mapping[str, str]) -> None:
    """Run Pulumi with a state of its own, as the environment says. Raises ``Failure`` with its reason."""
    done = _run(arguments, stack, environment=environment)
    if done.returncode:
        # What fails on the machine is told in its output, with the resource that failed.
        raise _failure(arguments, f"{done.stderr}\n{done.stdout}")


def redeploy(stack: str) -> None:
    """See what is really there, then make it what it should be."""
    for arguments in (["refresh", "--yes", "--skip-preview"], ["up", "--yes", "--skip-preview"]):
        if _run(arguments, stack, shown=True).returncode:
            raise Failure(f"pulumi {arguments[0]} failed; its reasons are above")


def _revealed(value: Any) -> Any:
    """``value`` with every secret replaced by its text; one still encrypted becomes ``None``."""
    if isinstance(value, list):
        return [_revealed(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get(_SIGNATURE) == _SECRET:
        return _revealed(json.loads(value["plaintext"])) if "plaintext" in value else None
    return {key: _revealed(item) for key, item in value.items()}
