"""A Pulumi program run to its end without an engine, and a record of all it registered.

An ``apply`` that fails after the program's last line is lost when nobody waits for it. ``run`` waits
for every output, so such a failure is raised here; assertions belong on the recorder it returns.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import pulumi
from google.protobuf.json_format import MessageToDict
from pulumi.runtime import mocks, rpc
from pulumi.runtime.proto import source_pb2

PROJECT = "hearth"
STACK = "test"


def plain(value: Any) -> Any:
    """``value`` without the wrapping that marks secrets."""
    if isinstance(value, dict):
        if value.get(rpc._special_sig_key) == rpc._special_secret_sig:
            return plain(value["value"])
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def visible(value: Any) -> Any:
    """``value`` as it stands in plain text in state: secrets are left out."""
    if isinstance(value, dict):
        if value.get(rpc._special_sig_key) == rpc._special_secret_sig:
            return None
        return {key: visible(item) for key, item in value.items()}
    if isinstance(value, list):
        return [visible(item) for item in value]
    return value


@dataclass
class Registration:
    """One resource as the engine is asked for it."""

    urn: str
    type: str
    name: str
    custom: bool
    parent: str
    wire: dict[str, Any]
    """Inputs with secrets still marked."""
    dependencies: tuple[str, ...]
    secret_outputs: tuple[str, ...]
    retain_on_delete: bool
    delete_before_replace: bool
    replace_on_changes: tuple[str, ...]
    ignore_changes: tuple[str, ...]
    aliases: int
    outputs: dict[str, Any] | None = None
    """What a component registered at its end; none until it did."""

    @property
    def inputs(self) -> dict[str, Any]:
        """Inputs as plain values."""
        return plain(self.wire)

    @property
    def document(self) -> dict[str, Any]:
        """The JSON document on a command's standard input."""
        return json.loads(self.inputs["stdin"])


@dataclass
class Recorder:
    """Everything that one run of a program registered, in that order."""

    by_urn: dict[str, Registration] = field(default_factory=dict)
    exports: dict[str, Any] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Registration]:
        return iter(self.by_urn.values())

    def of_type(self, type_: str) -> list[Registration]:
        """All resources of one type."""
        return [found for found in self if found.type == type_]

    def named(self, name: str, type_: str) -> Registration:
        """The one resource of this name and type."""
        (found,) = [found for found in self.of_type(type_) if found.name == name]
        return found

    def below(self, component: Registration) -> list[Registration]:
        """Resources whose chain of parents passes ``component``."""
        return [found for found in self if component.urn in self.ancestors(found)]

    def ancestors(self, resource: Registration) -> list[str]:
        """URNs of the parents, the nearest first; the stack itself comes last."""
        chain = []
        parent = resource.parent
        while parent:
            chain.append(parent)
            parent = self.by_urn[parent].parent if parent in self.by_urn else ""
        return chain


class _Monitor(mocks.MockMonitor):
    """Keeps the requests, which say more than what mocks are told."""

    def __init__(self, answers: mocks.Mocks, recorder: Recorder) -> None:
        super().__init__(answers)
        self._recorder = recorder

    def RegisterResource(self, request: Any) -> Any:
        answer = super().RegisterResource(request)
        if request.type == "pulumi:pulumi:Stack":
            return answer
        if answer.urn in self._recorder.by_urn:
            raise AssertionError(f"registered twice: {answer.urn}")
        self._recorder.by_urn[answer.urn] = Registration(
            urn=answer.urn,
            type=request.type,
            name=request.name,
            custom=request.custom,
            parent=request.parent,
            wire=MessageToDict(request.object),
            dependencies=tuple(sorted(request.dependencies)),
            secret_outputs=tuple(request.additionalSecretOutputs),
            retain_on_delete=request.retainOnDelete,
            delete_before_replace=request.deleteBeforeReplace,
            replace_on_changes=tuple(request.replaceOnChanges),
            ignore_changes=tuple(request.ignoreChanges),
            aliases=len(request.aliases),
        )
        return answer

    def RegisterResourceOutputs(self, request: Any) -> Any:
        outputs = MessageToDict(request.outputs)
        if request.urn in self._recorder.by_urn:
            self._recorder.by_urn[request.urn].outputs = outputs
        else:
            self._recorder.exports = outputs
        return super().RegisterResourceOutputs(request)


class Answers(mocks.Mocks):
    """What providers would answer: the inputs, and the outputs that Hearth reads."""

    def __init__(self, secrets: Callable[[str], str] = "made-{}".format) -> None:
        self._secrets = secrets

    def call(self, args: mocks.MockCallArgs) -> tuple[dict, None]:
        return {}, None

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict]:
        outputs = dict(args.inputs)
        if args.typ == "command:local:Command":
            made = " host secret " in str(args.inputs["create"])
            outputs["stdout"] = self._secrets(args.name) if made else f"{args.name}: done\n"
        if args.typ == "docker:index/remoteImage:RemoteImage":
            outputs["imageId"] = f"sha256:{args.name}"
        if args.typ == "docker:index/secret:Secret":
            outputs.setdefault("name", f"{args.name}-0a1b2c3")
        return f"{args.name}-id", outputs


def run(program: Callable[[], Any], answers: mocks.Mocks | None = None) -> Recorder:
    """Run ``program`` as a stack, wait for every output, and return what it registered.

    Raises whatever the program, or anything it applied to an output, raised.
    """
    recorder = Recorder()
    answers = answers or Answers()
    mocks.set_mocks(answers, project=PROJECT, stack=STACK, preview=False, monitor=_Monitor(answers, recorder))
    # Where in a program each resource was made is for whoever reads an error of the engine; below pytest's
    # own frames it takes an eighth of the time.
    with mock.patch("pulumi.runtime.resource._get_stack_trace", source_pb2.StackTrace):
        pulumi.runtime.test(program)()
    return recorder
