"""Start, announce and end a plugin: the part of the plugin protocol that is the same for all of them.

The engine starts a plugin, reads a port number from its standard output and talks gRPC to it. It ends the
plugin with SIGINT, waits for it to go, and then sends SIGKILL; a plugin that is slow or noisy at that point
shows in every run.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent import futures
from typing import Any

# The engine's own limit for one message (sdk/go/common/util/rpcutil).
MAX_MESSAGE_BYTES = 400 * 1024 * 1024
# One thread for each operation in flight; they wait for commands and for the Docker daemon, so they cost
# little.
MAX_OPERATIONS = 128


def serve(register: Callable[[Any], None], on_exit: Callable[[], None] = lambda: None) -> None:
    """Serve what `register` adds to a gRPC server until the engine ends this process."""
    import grpc

    server = grpc.server(
        futures.ThreadPoolExecutor(max_workers=MAX_OPERATIONS),
        options=[
            ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
            ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
        ],
    )
    register(server)
    port = server.add_insecure_port("127.0.0.1:0")

    def leave(_signal: int = 0, _frame: Any = None) -> None:
        # Not sys.exit: gRPC's threads would print tracebacks of calls that no one waits for any more.
        on_exit()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)

    # A signal that comes just before the process goes to sleep must wake it all the same: `signal.pause`
    # would lose it, and the engine then waits five seconds. The byte in this pipe is not lost.
    awake, woken = os.pipe()
    os.set_blocking(woken, False)
    signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    signal.signal(signal.SIGINT, leave)
    signal.signal(signal.SIGTERM, leave)
    # A program that prints is read through a pipe: without this its lines would come in blocks.
    sys.stdout.reconfigure(line_buffering=True)
    server.start()
    print(port, flush=True)
    threading.Thread(target=_leave_with_parent, args=(leave,), daemon=True).start()
    while True:
        os.read(awake, 1)


def _leave_with_parent(leave: Callable[[], None]) -> None:
    """End with the engine even where the engine had no time to say so (SIGKILL, a crash)."""
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(1)
    leave()
