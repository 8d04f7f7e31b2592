"""Messages to the engine: what the user sees beside a resource while it is being worked on."""

from typing import Any


class EngineLog:
    """A client of the engine's log service; without an engine address it is silent."""

    def __init__(self, address: str) -> None:
        from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

        self._messages = engine_pb2
        self._stub: Any = None
        if address:
            import grpc

            self._stub = engine_pb2_grpc.EngineStub(grpc.insecure_channel(address))

    def status(self, urn: str, message: str) -> None:
        """A line beside the resource while it is in progress; it is not kept."""
        self._send(urn, message, self._messages.INFO, ephemeral=True)

    def warning(self, urn: str, message: str) -> None:
        """A warning that stays in the summary of the run."""
        self._send(urn, message, self._messages.WARNING, ephemeral=False)

    def _send(self, urn: str, message: str, severity: int, ephemeral: bool) -> None:
        if self._stub is None:
            return
        import grpc

        request = self._messages.LogRequest(severity=severity, message=message, urn=urn, ephemeral=ephemeral)
        try:
            self._stub.Log(request)
        except grpc.RpcError:
            # The engine is going away; the operation itself must still finish and be recorded.
            self._stub = None
