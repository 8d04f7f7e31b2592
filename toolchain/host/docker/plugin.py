"""The stand-in for the plugin `resource docker 5.2.0`."""

import sys
import threading

from toolchain.host import protos
from toolchain.host.server import serve

VERSION = "5.2.0"


def main() -> None:
    """Serve the resource types that Hearth declares."""
    protos.load()
    from pulumi.runtime.proto import provider_pb2_grpc

    from toolchain.host.docker.client import Daemon
    from toolchain.host.docker.container import Container
    from toolchain.host.docker.image import RemoteImage
    from toolchain.host.docker.network import Network
    from toolchain.host.docker.secret import Secret
    from toolchain.host.docker.service import Service
    from toolchain.host.docker.volume import Volume
    from toolchain.host.engine import EngineLog
    from toolchain.host.provider import Provider

    daemon, cancelled = Daemon(), threading.Event()
    log = EngineLog(next((arg for arg in sys.argv[1:] if not arg.startswith("-")), ""))
    types = {
        "docker:index/container:Container": Container(daemon, log, cancelled),
        "docker:index/network:Network": Network(daemon),
        "docker:index/volume:Volume": Volume(daemon),
        "docker:index/remoteImage:RemoteImage": RemoteImage(daemon),
        "docker:index/secret:Secret": Secret(daemon),
        "docker:index/service:Service": Service(daemon),
    }
    # Secrets: the engine marks each output whose input of that name holds a secret, as with the official
    # plugin.
    provider = Provider(VERSION, types, False, Daemon.check_config, daemon.configure, cancelled.set)
    serve(
        lambda server: provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider, server),
        cancelled.set,
    )
