"""`command:local:Command` with the behaviour of the official plugin.

Source: pulumi-command 1.2.1 (`provider/pkg/provider/local`) over pulumi-go-provider 1.3.0 (`infer`): outputs
are the inputs and `stdout` and `stderr`; an update runs `update`, or `create` where there is none; a change
of `triggers` as a whole replaces, and the Python SDK asks the engine to replace for a change inside it
(`replace_on_changes`), with or without an `update` command. Secret marks follow from an input to the output
of the same name only: a command that prints a secret needs `additional_secret_outputs`, there as here.
"""

import random
from dataclasses import replace
from typing import Any

from toolchain.host.command.run import DEFAULT_INTERPRETER, Invocation, Runner
from toolchain.host.difference import compare
from toolchain.host.engine import EngineLog
from toolchain.host.resource import CheckContext, DiffResult, Properties, ResourceType
from toolchain.host.wire import UNKNOWN, has_unknown, reveal

LOGGING = {
    "stdout": (True, False),
    "stderr": (False, True),
    "stdoutAndStderr": (True, True),
    "none": (False, False),
}
STRINGS = ("create", "update", "delete", "dir", "stdin", "logging")
INPUTS = {
    *STRINGS,
    "environment",
    "interpreter",
    "triggers",
    "addPreviousOutputInEnv",
    "assetPaths",
    "archivePaths",
}


class Command(ResourceType):
    """A command run when the resource is created, updated and deleted."""

    def __init__(self, runner: Runner, log: EngineLog) -> None:
        self._runner, self._log = runner, log

    def check(self, inputs: Properties, context: CheckContext) -> tuple[Properties, dict[str, str]]:
        """Refuse what is not known, is of the wrong type, or is left out here."""
        failures = {}
        for key, value in reveal(inputs).items():
            reason = _problem(key, value)
            if reason:
                failures[key] = reason
        return inputs, failures

    def diff(self, old_inputs: Properties, old_outputs: Properties, inputs: Properties) -> DiffResult:
        """Every change updates; `triggers` that came, went or are another kind of value replace."""
        changes = compare(old_inputs, inputs)
        if "triggers" in changes:
            changes["triggers"] = replace(changes["triggers"], replace=True)
        return DiffResult(changes)

    def create(self, urn: str, inputs: Properties, preview: bool) -> tuple[str, Properties]:
        """Run `create`."""
        # Not derived from anything: the official plugin makes a new random suffix for each create too.
        identity = f"{urn.split('::', 3)[3]}{random.SystemRandom().getrandbits(32):08x}"
        if preview:
            return identity, {**inputs, "stdout": UNKNOWN, "stderr": UNKNOWN}
        return identity, self._outputs(urn, inputs, inputs.get("create"), {})

    def update(
        self,
        urn: str,
        identity: str,
        inputs: Properties,
        old_inputs: Properties,
        old: Properties,
        preview: bool,
    ) -> Properties:
        """Run `update`, or `create` where there is none."""
        if preview:
            changed = has_unknown(inputs) or compare(old_inputs, inputs)
            streams = {key: UNKNOWN if changed else old.get(key, "") for key in ("stdout", "stderr")}
            return {**inputs, **streams}
        return self._outputs(urn, inputs, inputs.get("update", inputs.get("create")), old)

    def read(self, identity: str, inputs: Properties, old: Properties) -> tuple[str, Properties, Properties]:
        """A command has nothing to read: it stays as it was."""
        return identity, old, inputs

    def delete(self, urn: str, identity: str, old: Properties) -> None:
        """Run `delete`."""
        self._outputs(urn, old, old.get("delete"), old)

    def _outputs(self, urn: str, inputs: Properties, command: Any, old: Properties) -> Properties:
        stdout, stderr = old.get("stdout", ""), old.get("stderr", "")
        if command is not None:
            invocation = _invocation(reveal(command), reveal(inputs), reveal(stdout), reveal(stderr))
            stdout, stderr = self._runner.run(invocation, lambda line: self._log.status(urn, line))
        return {**inputs, "stdout": stdout, "stderr": stderr}


def _invocation(command: str, inputs: Properties, stdout: str, stderr: str) -> Invocation:
    environment = dict(inputs.get("environment", {}))
    if inputs.get("addPreviousOutputInEnv", True):
        previous = {"PULUMI_COMMAND_STDOUT": stdout, "PULUMI_COMMAND_STDERR": stderr}
        environment.update({key: value for key, value in previous.items() if value})
    log_stdout, log_stderr = LOGGING[inputs.get("logging", "stdoutAndStderr")]
    return Invocation(
        command=command,
        interpreter=inputs.get("interpreter") or DEFAULT_INTERPRETER,
        directory=inputs.get("dir"),
        environment=environment,
        stdin=inputs.get("stdin", ""),
        log_stdout=log_stdout,
        log_stderr=log_stderr,
    )


def _problem(key: str, value: Any) -> str | None:
    if key not in INPUTS:
        return f"`{key}` is not a property of command:local:Command"
    if key in ("assetPaths", "archivePaths"):
        return f"`{key}` is not supported by this stand-in plugin; the official command plugin has it"
    if has_unknown(value):
        return None
    if key in STRINGS and not isinstance(value, str):
        return f"`{key}` must be a string"
    if key == "logging" and value not in LOGGING:
        return f"`logging` must be one of {', '.join(LOGGING)}"
    if key == "environment" and not _all_strings(value, dict):
        return "`environment` must be a map of strings"
    if key == "interpreter" and not _all_strings(value, list):
        return "`interpreter` must be a list of strings"
    if key == "triggers" and not isinstance(value, list):
        return "`triggers` must be a list"
    if key == "addPreviousOutputInEnv" and not isinstance(value, bool):
        return "`addPreviousOutputInEnv` must be true or false"
    return None


def _all_strings(value: Any, kind: type) -> bool:
    if not isinstance(value, kind):
        return False
    items: Any = value.values() if isinstance(value, dict) else value
    return all(isinstance(item, str) for item in items)
