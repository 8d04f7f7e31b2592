"""The command resources of a state: what each made true on this machine, and making it true again."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from host import accounts, drift, files, source
from host.drift import Finding
from host.stdin import mode
from ops.engine import Resource
from ops.errors import Failure

TYPE = "command:local:Command"


@dataclass(frozen=True)
class HostCommand:
    """One run of ``python -m host VERB`` with a document, which may hold secrets."""

    name: str
    verb: str
    line: str
    environment: Mapping[str, str]
    document: Mapping[str, Any] = field(repr=False)
    text: str = field(repr=False)

    @property
    def service(self) -> str:
        """Resources of a service are named after it: ``redis``, ``redis-secrets``, ``redis-files``."""
        return self.name.removesuffix("-secrets").removesuffix("-files").removesuffix("-source")


def found_in(resources: Iterable[Resource], verbs: Iterable[str]) -> list[HostCommand]:
    """The commands of a state with one of ``verbs``, dependencies first."""
    commands = []
    for resource in resources:
        words = shlex.split(resource.inputs.get("create") or "") if resource.type == TYPE else []
        verb = words[words.index("host") + 1] if "host" in words[:-1] else ""
        if verb in verbs:
            line, text = resource.inputs["create"], resource.inputs["stdin"]
            environment = resource.inputs.get("environment") or {}
            commands.append(
                HostCommand(resource.name, verb, line, environment, document=json.loads(text), text=text)
            )
    return commands


def differences(command: HostCommand) -> list[Finding]:
    """What an ``apply``, a ``source`` or a ``secret-files`` once made true, and is not any more."""
    if command.verb == "apply":
        return drift.inspect(command.document)
    if command.verb == "source":
        path, wanted = Path(command.document["path"]), command.document["digest"]
        return [] if source.intact(path, wanted) else [Finding(command.service, str(path), "content")]
    found = _secret_files(command.document)
    return [Finding(command.service, subject, problem) for subject, problem in found if problem]


def _secret_files(document: Mapping[str, Any]) -> list[tuple[str, str | None]]:
    """Findings name files and never quote them."""
    directory = Path(document["directory"])
    identity = accounts.find(document.get("account"))
    if identity is None:
        return [(f"account {document['account']}", "missing")]
    wanted = {directory / file["path"]: file for file in document["files"]}
    owner = {"uid": identity.uid, "gid": identity.gid}
    found = [(str(directory), files.difference(directory, mode=0o700, **owner))]
    for path, file in wanted.items():
        data, bits = file["content"].encode(), mode(file["mode"])
        found.append((str(path), files.difference(path, data=data, mode=bits, **owner)))
    if directory.is_dir():
        found += [(str(path), "not declared") for path in directory.iterdir() if path not in wanted]
    return found


def repeat(command: HostCommand) -> str:
    """Run it again as Pulumi did. Returns its result. Raises ``Failure`` with the reason that it gives."""
    argv = ["/bin/sh", "-c", command.line]
    environment = {**os.environ, **command.environment}
    done = subprocess.run(
        argv, env=environment, input=command.text, text=True, capture_output=True, check=False
    )
    if done.returncode:
        raise Failure(f"{command.name}: {done.stderr.strip() or f'exit status {done.returncode}'}")
    return done.stdout.strip()


def after_secrets(command: HostCommand, generation: str) -> HostCommand:
    """The command as it is for secret files of this generation, or itself when they are those it knew."""
    from components.commands import GENERATION

    return replace(command, environment={**command.environment, GENERATION: generation})
