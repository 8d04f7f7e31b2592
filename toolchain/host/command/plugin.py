"""The stand-in for the plugin `resource command 1.2.1`."""

import sys

from toolchain.host import protos
from toolchain.host.server import serve

VERSION = "1.2.1"


def main() -> None:
    """Serve `command:local:Command`."""
    protos.load()
    from pulumi.runtime.proto import provider_pb2_grpc

    from toolchain.host.command.resource import Command
    from toolchain.host.command.run import Runner
    from toolchain.host.engine import EngineLog
    from toolchain.host.provider import Provider

    runner = Runner()
    log = EngineLog(next((arg for arg in sys.argv[1:] if not arg.startswith("-")), ""))
    provider = Provider(
        VERSION, {"command:local:Command": Command(runner, log)}, accept_secrets=True, cancel=runner.cancel
    )
    serve(
        lambda server: provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider, server),
        runner.cancel,
    )
