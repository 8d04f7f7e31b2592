"""A resource provider: Pulumi's protocol on one side, a few `ResourceType` objects on the other.

Source of the protocol: `proto/pulumi/provider.proto`. Only what the engine calls for plain resources is
served; everything else answers UNIMPLEMENTED, which the engine understands.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc
from google.protobuf import any_pb2, empty_pb2, struct_pb2
from google.rpc import status_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from toolchain.host import wire
from toolchain.host.resource import CheckContext, NotReady, OperationFailed, Properties, ResourceType


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """Serves `types` under their tokens."""

    def __init__(
        self,
        version: str,
        types: dict[str, ResourceType],
        accept_secrets: bool,
        check_config: Callable[[Properties], dict[str, str]] = lambda config: {},
        configure: Callable[[Properties], None] = lambda config: None,
        cancel: Callable[[], None] = lambda: None,
    ) -> None:
        self._version, self._types, self._accept_secrets = version, types, accept_secrets
        self._check_config, self._configure, self._cancel = check_config, configure, cancel
        self._configured = threading.Lock()

    def Handshake(self, request: Any, context: Any) -> Any:
        return provider_pb2.ProviderHandshakeResponse(
            accept_secrets=self._accept_secrets, supports_autonaming_configuration=True
        )

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        return plugin_pb2.PluginInfo(version=self._version)

    def CheckConfig(self, request: Any, context: Any) -> Any:
        failures = self._check_config(wire.reveal(wire.decode_struct(request.news)))
        return provider_pb2.CheckResponse(inputs=request.news, failures=_failures(failures))

    def DiffConfig(self, request: Any, context: Any) -> Any:
        # A changed provider setting (another Docker host, say) is used from then on; no resource is
        # replaced for it.
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_UNKNOWN)

    def Configure(self, request: Any, context: Any) -> Any:
        with _reported(context), self._configured:
            self._configure(wire.reveal(wire.decode_struct(request.args)))
        return provider_pb2.ConfigureResponse(
            acceptSecrets=self._accept_secrets, supportsPreview=True, supports_autonaming_configuration=True
        )

    def Cancel(self, request: Any, context: Any) -> Any:
        self._cancel()
        return empty_pb2.Empty()

    def Check(self, request: Any, context: Any) -> Any:
        with _reported(context):
            naming = request.autonaming if request.HasField("autonaming") else None
            given = CheckContext(
                name=request.name or _urn_name(request.urn),
                seed=request.randomSeed,
                old_inputs=wire.decode_struct(request.olds),
                proposed_name=naming.proposed_name if naming else None,
                autonaming=naming is None
                or naming.mode != provider_pb2.CheckRequest.AutonamingOptions.DISABLE,
            )
            inputs, failures = self._type(request.urn).check(wire.decode_struct(request.news), given)
            return provider_pb2.CheckResponse(inputs=_struct(inputs), failures=_failures(failures))

    def Diff(self, request: Any, context: Any) -> Any:
        with _reported(context):
            old_inputs, outputs = wire.decode_struct(request.old_inputs), wire.decode_struct(request.olds)
            inputs = _without_ignored(wire.decode_struct(request.news), old_inputs, request.ignoreChanges)
            result = self._type(request.urn).diff(old_inputs, outputs, inputs)
            kinds = provider_pb2.PropertyDiff.Kind
            response = provider_pb2.DiffResponse(
                changes=provider_pb2.DiffResponse.DIFF_SOME
                if result.changes
                else provider_pb2.DiffResponse.DIFF_NONE,
                hasDetailedDiff=True,
                deleteBeforeReplace=result.delete_before_replace,
            )
            for path, change in result.changes.items():
                key = path.split("[")[0].split(".")[0]
                if key not in response.diffs:
                    response.diffs.append(key)
                if change.replace and key not in response.replaces:
                    response.replaces.append(key)
                kind = kinds.Value(change.kind + ("_REPLACE" if change.replace else ""))
                response.detailedDiff[path].CopyFrom(provider_pb2.PropertyDiff(kind=kind, inputDiff=True))
            return response

    def Create(self, request: Any, context: Any) -> Any:
        with _reported(context):
            inputs = wire.decode_struct(request.properties)
            identity, outputs = self._type(request.urn).create(request.urn, inputs, request.preview)
            return provider_pb2.CreateResponse(
                id="" if request.preview else identity, properties=_struct(outputs)
            )

    def Update(self, request: Any, context: Any) -> Any:
        with _reported(context):
            old_inputs, old = wire.decode_struct(request.old_inputs), wire.decode_struct(request.olds)
            inputs = _without_ignored(wire.decode_struct(request.news), old_inputs, request.ignoreChanges)
            outputs = self._type(request.urn).update(
                request.urn, request.id, inputs, old_inputs, old, request.preview
            )
            return provider_pb2.UpdateResponse(properties=_struct(outputs))

    def Read(self, request: Any, context: Any) -> Any:
        with _reported(context):
            inputs, old = wire.decode_struct(request.inputs), wire.decode_struct(request.properties)
            identity, outputs, inputs = self._type(request.urn).read(request.id, inputs, old)
            if not identity:
                return provider_pb2.ReadResponse()
            return provider_pb2.ReadResponse(id=identity, properties=_struct(outputs), inputs=_struct(inputs))

    def Delete(self, request: Any, context: Any) -> Any:
        with _reported(context):
            self._type(request.urn).delete(request.urn, request.id, wire.decode_struct(request.properties))
            return empty_pb2.Empty()

    def _type(self, urn: str) -> ResourceType:
        token = urn.split("::")[2].split("$")[-1]
        if token not in self._types:
            raise OperationFailed(
                f"{token} is not one of the resource types of this stand-in plugin, which are "
                f"{', '.join(sorted(self._types))}; the official plugin has it"
            )
        return self._types[token]


@contextmanager
def _reported(context: Any) -> Iterator[None]:
    """Turn what an operation raises into the error that the engine expects."""
    try:
        yield
    except NotReady as failure:
        detail = any_pb2.Any()
        detail.Pack(
            provider_pb2.ErrorResourceInitFailed(
                id=failure.identity,
                properties=_struct(failure.outputs),
                inputs=_struct(failure.inputs),
                reasons=[failure.reason],
            )
        )
        status = status_pb2.Status(
            code=grpc.StatusCode.UNKNOWN.value[0], message=failure.reason, details=[detail]
        )
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        context.abort(grpc.StatusCode.UNKNOWN, failure.reason)
    except (OperationFailed, wire.UnsupportedValue) as failure:
        context.abort(grpc.StatusCode.UNKNOWN, str(failure))


def _struct(members: Properties) -> Any:
    return wire.encode_struct(members, struct_pb2.Struct())


def _failures(failures: dict[str, str]) -> list[Any]:
    return [provider_pb2.CheckFailure(property=key, reason=reason) for key, reason in failures.items()]


def _urn_name(urn: str) -> str:
    return urn.split("::", 3)[3]


def _without_ignored(inputs: Properties, old_inputs: Properties, ignored: Any) -> Properties:
    """`ignore_changes`: the engine has reset them; whole properties are reset again, as upstream does."""
    kept = {key: old_inputs[key] for key in ignored if key in old_inputs}
    return {**inputs, **kept}
