"""Asking Pulumi: outputs and resources of a deployed stack.

The shape of an export: https://www.pulumi.com/docs/iac/cli/commands/pulumi_stack_export/
"""

from __future__ import annotations

import itertools
import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from host.execution import die_with_parent
from ops.errors import Failure

# How the engine marks a secret in a state: sdk/go/common/resource/sig, "Key" and "Secret".
_SIGNATURE, _SECRET = "4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270"

# Who holds the lock of a state that is kept in files: pkg/backend/diy/lock.go
_LOCKED = re.compile(r"created by .*@(\S+) \(pid (\d+)\)")
_PATIENCE, _PAUSE = 900, 2


@dataclass(frozen=True)
class Resource:
    """One resource of a state, secrets in plain text where they were asked for."""

    type: str
    name: str
    id: str
    inputs: Mapping[str, Any]


def _run(
    arguments: list[str],
    stack: str,
    shown: bool = False,
    environment: Mapping[str, str] | None = None,
    stderr: int | None = None,
    text: str | None = None,
) -> subprocess.CompletedProcess[str]:
    argv = ["pulumi", "--non-interactive", *arguments, "--stack", stack]
    # What is shown is progress, and stdout is for results.
    streams = (
        {"stdout": sys.stderr, "stderr": stderr}
        if shown
        else {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    )
    try:
        # Nobody else would undo what it goes on with: whoever kills this command ends Pulumi as well.
        ended = {"preexec_fn": die_with_parent()} if shown else {}
        return subprocess.run(argv, text=True, check=False, env=environment, input=text, **streams, **ended)
    except FileNotFoundError:
        raise Failure("pulumi: not found; run `make setup`, and start this command as ./hearth") from None


def _failure(arguments: list[str], errors: str) -> Failure:
    lines = [line.strip() for line in errors.splitlines()]
    said = [number for number, line in enumerate(lines) if line.startswith("error:")]
    # That of the stack itself says of a resource no more than that there is one.
    first = next((number for number in said if lines[number] != "error: update failed"), None)
    if first is None:
        why = lines[said[0]] if said else next(filter(None, reversed(lines)), "it failed")
    else:
        # A command's output follows; its last line is what it ended with.
        *_, why = itertools.takewhile(bool, lines[first:])
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


def creations(stack: str) -> list[dict[str, Any]]:
    """The resources that a preview would create, as they would be in the state."""
    found = _asked(["preview", "--json"], stack)
    if found is None:
        raise Failure(f"stack {stack}: has no state yet; run `pulumi stack init {stack}`")
    return [step["newState"] for step in found["steps"] if step["op"] == "create"]


def replace_state(stack: str, state: Mapping[str, Any]) -> None:
    """Have ``state``, of the form of an export, in the place of the stack's. Raises ``Failure``."""
    done = _run(["stack", "import"], stack, text=json.dumps(state))
    if done.returncode:
        raise _failure(["stack", "import"], done.stderr)


def elsewhere(arguments: list[str], stack: str, environment: Mapping[str, str]) -> None:
    """Run Pulumi with a state of its own, as the environment says. Raises ``Failure`` with its reason."""
    done = _run(arguments, stack, environment=environment)
    if done.returncode:
        # What fails on the machine is told in its output, with the resource that failed.
        raise _failure(arguments, f"{done.stderr}\n{done.stdout}")


def unlock(stack: str) -> None:
    """Take away the lock of a run that was killed; for who knows that no other is under way."""
    _run(["cancel", "--yes"], stack)


def deploy(stack: str) -> None:
    """Make the stack where there is none, and bring it up. Raises ``Failure``; Pulumi has said why."""
    _shown(["stack", "select", "--create"], stack)
    converge(stack)


def redeploy(stack: str) -> None:
    """See what is really there, then make it what it should be."""
    converge(stack, refresh=True)


def converge(
    stack: str,
    words: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    *,
    refresh: bool = False,
) -> None:
    """Make a stack that is there what it should be. Raises ``Failure``; Pulumi has said why."""
    for command in ("refresh", "up") if refresh else ("up",):
        _shown([command, "--yes", "--skip-preview", *words], stack, environment)


def require_settled(stack: str) -> None:
    """Raise ``Failure`` where the stack's file and its state differ, or nothing is deployed."""
    outputs(stack)
    done = _run(["preview", "--expect-no-changes"], stack)
    if done.returncode and "no changes were expected" in done.stdout + done.stderr:
        raise Failure(
            f"stack {stack}: its file has changes that are not deployed; "
            f"deploy them first with `pulumi up --stack {stack}`"
        )
    if done.returncode:
        raise _failure(["preview"], f"{done.stderr}\n{done.stdout}")


def deploy_one_by_one(stack: str, progress: Callable[[str], None]) -> None:
    """Make the stack what its file says, one resource after the other.

    Waits for a run that is under way, and takes away the lock of one that was killed.
    """
    _patiently(["up", "--yes", "--skip-preview", "--parallel", "1"], stack, progress)


def refresh(stack: str, progress: Callable[[str], None]) -> None:
    """See what is really there; what a killed run was creating is created again. Waits as the above."""
    _patiently(["refresh", "--yes", "--skip-preview", "--clear-pending-creates"], stack, progress)


def _patiently(arguments: list[str], stack: str, progress: Callable[[str], None]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while True:
        done = _run(arguments, stack, shown=True, stderr=subprocess.PIPE)
        if not done.returncode:
            return
        holders = _LOCKED.findall(done.stderr)
        if not holders or time.monotonic() > deadline:
            print(done.stderr, file=sys.stderr, end="")
            raise _told(arguments)
        if any(_lives(host, int(pid)) for host, pid in holders):
            progress(f"waiting for process {holders[0][1]} on {holders[0][0]}, which works on stack {stack}")
            time.sleep(_PAUSE)
        elif _run(["cancel", "--yes"], stack).returncode:
            raise Failure(f"stack {stack} is locked by a run that was killed; run `pulumi cancel`")


def _lives(host: str, pid: int) -> bool:
    """Of another machine's processes nothing is known here."""
    import psutil

    return host != socket.gethostname() or psutil.pid_exists(pid)


def preview(stack: str, words: Sequence[str], environment: Mapping[str, str]) -> None:
    """Show what that would change. Raises ``Failure``; Pulumi has said why."""
    _shown(["preview", "--diff", *words], stack, environment)


def _shown(arguments: list[str], stack: str, environment: Mapping[str, str] | None = None) -> None:
    if _run(arguments, stack, shown=True, environment=environment).returncode:
        raise _told(arguments)


def _told(arguments: list[str]) -> Failure:
    """A failure of which Pulumi has shown the reasons."""
    return Failure(f"pulumi {arguments[0]} failed; its reasons are above")


def _revealed(value: Any) -> Any:
    """``value`` with every secret replaced by its text; one still encrypted becomes ``None``."""
    if isinstance(value, list):
        return [_revealed(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get(_SIGNATURE) == _SECRET:
        return _revealed(json.loads(value["plaintext"])) if "plaintext" in value else None
    return {key: _revealed(item) for key, item in value.items()}
